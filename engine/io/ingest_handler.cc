// See ingest_handler.h.
#include "io/ingest_handler.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "base/gzip.h"

namespace tidewatch {

namespace {

// Real records shrink 5 to 50 times; deflate can do 1,032. Below the megabyte gunzip() lets any ratio pass.
constexpr std::size_t most_ratio = 250;

std::string lower_trimmed(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  std::string out(s);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

DeliveryOrRefusal read_delivery(HttpRequest request, std::size_t most) {
  DeliveryOrRefusal out;
  Delivery& d = out.delivery;
  const auto refuse = [&](int status, const std::string& text) {
    out.refusal = error_response(status, text);
    return out;
  };
  constexpr std::string_view prefix = "/api/v1/records/";
  d.stream = request.path.substr(std::min(prefix.size(), request.path.size()));
  d.source = request.parameter("source").value_or("http");
  const std::string type =
      lower_trimmed(request.header("content-type").substr(0, request.header("content-type").find(';')));
  if (type == "application/json") {
    d.format = BodyFormat::json_array;
  } else if (type == "text/csv") {
    d.format = BodyFormat::csv;
  } else if (!type.empty() && type != "application/x-ndjson" && type != "application/jsonl" &&
             type != "application/x-www-form-urlencoded" && type != "text/plain" &&
             type != "application/octet-stream") {
    // The form type is what curl --data-binary says when told nothing: NDJSON, like no type at all.
    return refuse(415, "expected application/x-ndjson, application/json or text/csv, got " + type);
  }
  const std::string header_id(request.header("idempotency-key"));
  const std::string query_id = request.parameter("batch").value_or("");
  if (!header_id.empty() && !query_id.empty() && header_id != query_id)
    return refuse(400, "the Idempotency-Key header and ?batch= name two different batches");
  d.batch_id = header_id.empty() ? query_id : header_id;
  if (d.batch_id.size() > 200) return refuse(400, "expected a batch id of at most 200 bytes");
  const std::string encoding = lower_trimmed(request.header("content-encoding"));
  if (encoding.empty() || encoding == "identity") {
    d.body = std::move(request.body);
  } else if (encoding == "gzip" || encoding == "x-gzip") {
    auto body = gunzip(request.body, most, most_ratio);
    if (!body) return refuse(body.error().code == ErrorCode::full ? 413 : 400, body.error().text);
    d.body = std::move(*body);
  } else {
    return refuse(415, "expected Content-Encoding gzip or none, got " + encoding);
  }
  return out;
}

std::string IngestAnswer::json() const {
  std::string out = "{\"accepted\":" + std::to_string(accepted) + ",\"rejected\":" + std::to_string(rejected);
  out += ",\"rejected_by\":{";
  bool first = true;
  for (const auto& [reason, n] : rejected_by) {
    if (!std::exchange(first, false)) out += ",";
    out += "\"" + json_escape(reason) + "\":" + std::to_string(n);
  }
  out += "},\"first_rejects\":[";
  for (std::size_t i = 0; i < std::min<std::size_t>(10, first_rejects.size()); ++i) {
    const auto& r = first_rejects[i];
    if (i > 0) out += ",";
    out += "{\"line\":" + std::to_string(r.line) + ",\"reason\":\"" + json_escape(r.reason) + "\",\"detail\":\"" +
           json_escape(r.detail) + "\"}";
  }
  out += std::string("],\"duplicate\":") + (duplicate ? "true" : "false") + "}\n";
  return out;
}

std::string IngestTickets::key(const std::string& stream, const std::string& batch_id, const std::string& body) {
  return batch_id.empty() ? stream + "\n#" + sha256_hex(body) : stream + "\n=" + batch_id;
}

IngestTickets::Ticket& IngestTickets::put(const std::string& key, IngestAnswer answer, bool has_id) {
  erase(key);
  order_.push_back(key);
  while (order_.size() > most_) {
    const std::string oldest = order_.front();
    erase(oldest);
  }
  bodies_ += !has_id;
  Ticket& t = tickets_[key];
  t = {State::committing, std::move(answer), has_id};
  return t;
}

IngestTickets::Ticket* IngestTickets::find(const std::string& key) {
  const auto it = tickets_.find(key);
  return it == tickets_.end() ? nullptr : &it->second;
}

void IngestTickets::erase(const std::string& key) {
  const auto found = tickets_.find(key);
  if (found == tickets_.end()) return;
  bodies_ -= !found->second.has_id;
  tickets_.erase(found);
  // Searched from the newest end: what is erased was mostly put there a moment ago.
  for (auto it = order_.rbegin(); it != order_.rend(); ++it)
    if (*it == key) {
      order_.erase(std::next(it).base());
      return;
    }
}

void IngestTickets::all_committed() {
  for (auto& [key, ticket] : tickets_)
    if (ticket.state == State::failed) ticket.state = State::committed;
}

}  // namespace tidewatch
