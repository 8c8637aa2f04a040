// A delivery on its way in: find the stream, know a retry, apply, commit, answer. The answer waits for the disk.
#include "io/engine_state.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace tidewatch {

Result<Engine::State::Applied> Engine::State::apply(RunningPack& p, const std::string& stream,
                                                    const std::string& source, std::string_view body, BodyFormat format,
                                                    const std::string& batch_id) {
  auto batch = p.decoders.at(stream).decode(body, format);
  if (!batch) return batch.error();
  const Instant now = take_time();
  const std::string address = p.core->pack().name + "/" + stream;
  CoreOutput out;
  p.scripts->begin_live(monotonic_now());
  const auto refused = p.core->feed(stream, source, *batch, now, out);
  Applied a;
  a.part = part_of(out);
  if (auto decided = outcomes(now)) a.part.inputs.push_back(std::move(*decided));
  StoredInput input;
  input.kind = StoredInput::Kind::batch;
  input.at = now;
  input.stream = address;
  input.source = source;
  input.batch_id = batch_id;
  ByteWriter bytes;
  batch->write(bytes);
  input.body = bytes.take();
  a.part.inputs.push_back(std::move(input));
  for (const auto& [reason, n] : batch->rejected_counts) a.answer.rejected_by[reason] += n;
  for (const auto& r : refused) ++a.answer.rejected_by[r.reason];
  for (const auto& [reason, n] : a.answer.rejected_by) a.answer.rejected += n;
  a.answer.accepted = batch->rows - std::min(batch->rows, refused.size());
  a.answer.first_rejects = batch->rejected;
  a.answer.first_rejects.insert(a.answer.first_rejects.end(), refused.begin(), refused.end());
  if (a.answer.first_rejects.size() > 10) a.answer.first_rejects.resize(10);
  letters.add(now, address, source, *batch);
  for (const auto& r : refused) letters.add(now, address, source, r);
  return a;
}

HttpResponse Engine::State::unavailable() const {
  HttpResponse out = error_response(503, "the store cannot be written: " + commits->problem() + "; send it again");
  out.headers.emplace_back("Retry-After", "5");
  return out;
}

void Engine::State::ingest(HttpRequest request, HttpServer::Respond respond) {
  auto read = read_delivery(std::move(request), options.http.limits.body);
  if (read.refusal) return respond(std::move(*read.refusal));
  auto d = std::make_shared<Delivery>(std::move(read.delivery));
  std::vector<std::string> known;
  std::vector<std::string> holders;
  for (const auto& p : packs)
    for (const auto& s : p.core->pack().streams) {
      if (s.join) continue;
      const std::string full = p.core->pack().name + "/" + s.name;
      known.push_back(s.name);
      if (d->stream == full || d->stream == s.name) holders.push_back(full);
    }
  if (holders.empty())
    return respond(error_response(404, "no stream \"" + d->stream + "\"" + did_you_mean(d->stream, known)));
  if (holders.size() > 1)
    return respond(error_response(
        409, "several packs have a stream \"" + d->stream + "\": say " + holders.front() + " or " + holders.back()));
  const std::string address = holders.front();
  const bool may_have_come = !d->batch_id.empty() || tickets.holds_bodies();
  const std::string key = may_have_come ? IngestTickets::key(address, d->batch_id, d->body) : std::string();
  if (auto* ticket = tickets.find(key)) return redeem(key, *ticket, std::move(respond));
  if (d->batch_id.empty()) return take(address, key, std::move(d), std::move(respond));
  auto seen = std::make_shared<bool>(false);
  worker->run([seen, address, d](Store& s) { *seen = s.has_batch(address, d->batch_id); },
              [this, seen, address, key, d, respond = std::move(respond)]() mutable {
                if (*seen) {
                  IngestAnswer known_answer;
                  known_answer.duplicate = true;
                  return respond({200, "application/json", known_answer.json()});
                }
                // Two of the same id may have been asked about at once: the first to come back has a ticket now.
                if (auto* ticket = tickets.find(key)) return redeem(key, *ticket, std::move(respond));
                take(address, key, d, std::move(respond));
              });
}

void Engine::State::redeem(const std::string& key, const IngestTickets::Ticket& ticket, HttpServer::Respond respond) {
  IngestAnswer answer = ticket.answer;
  answer.duplicate = true;
  if (ticket.state == IngestTickets::State::committed) {
    tickets.erase(key);
    return respond({200, "application/json", answer.json()});
  }
  // An empty part: answered when the commit that holds the first delivery (or a later one) worked.
  commits->add({}, [this, key, answer, respond = std::move(respond)](bool ok) {
    if (!ok) return respond(unavailable());
    tickets.erase(key);
    respond({200, "application/json", answer.json()});
  });
}

void Engine::State::take(const std::string& address, const std::string& key, std::shared_ptr<const Delivery> d,
                         HttpServer::Respond respond) {
  if (commits->waiting_bytes() > options.most_waiting_bytes) {
    commits->flush();
    return respond(unavailable());
  }
  const auto slash = address.find('/');
  RunningPack* p = find_pack(address.substr(0, slash));
  const std::string stream = address.substr(slash + 1);
  if (p == nullptr || p->decoders.count(stream) == 0)
    return respond(error_response(404, "the stream \"" + address + "\" was removed"));
  auto applied = apply(*p, stream, d->source, d->body, d->format, d->batch_id);
  if (!applied) return respond(error_response(400, applied.error().text));
  // A body without an id is known by its bytes, and only once its commit has failed: it is kept until then, so that the
  // usual one is never hashed.
  const bool has_id = !d->batch_id.empty();
  if (has_id) tickets.put(key, applied->answer, true);
  commits->add(std::move(applied->part), [this, address, key, has_id, d = std::move(d), answer = applied->answer,
                                          respond = std::move(respond)](bool ok) {
    if (ok) {
      if (has_id) tickets.erase(key);
      return respond({200, "application/json", answer.json()});
    }
    if (!has_id)
      tickets.put(IngestTickets::key(address, "", d->body), answer, false).state = IngestTickets::State::failed;
    else if (auto* ticket = tickets.find(key))
      ticket->state = IngestTickets::State::failed;
    respond(unavailable());
  });
  loop.wake_now();
}

void Engine::State::poll_tails() {
  for (auto& t : tails) {
    if (commits->waiting_bytes() > options.most_waiting_bytes) return;
    RunningPack* p = find_pack(t.pack);
    if (p == nullptr || p->decoders.count(t.stream) == 0) continue;
    // A few chunks a look: a backlog is caught up without holding the loop.
    for (int i = 0; i < 4; ++i) {
      auto chunk = t.file->poll();
      if (!chunk) {
        log::warning("file_tail_failed", {{"source", t.source}, {"problem", chunk.error().text}});
        break;
      }
      if (!*chunk) break;
      auto applied = apply(*p, t.stream, t.source, (*chunk)->body, t.format, "");
      if (!applied) {
        log::warning("file_tail_refused", {{"source", t.source}, {"problem", applied.error().text}});
        continue;
      }
      applied->part.inputs.back().offset = std::move((*chunk)->offset);
      commits->add(std::move(applied->part), {});
    }
  }
}

}  // namespace tidewatch
