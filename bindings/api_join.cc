// predictions:join(labels, { ... }): a stream whose rows are pairs. What fits together is judged by joined_stream(),
// here only the words are read.

#include "base/text.h"
#include "bindings/declarations.h"
#include "metrics/join_stream.h"

namespace tidewatch {

namespace {

bool same(const JoinSpec& a, const JoinSpec& b) {
  return a.predictions == b.predictions && a.labels == b.labels && a.on == b.on && a.within == b.within &&
         a.early == b.early && a.coverage == b.coverage && a.is_over_label_time == b.is_over_label_time &&
         a.most_pending == b.most_pending;
}

int join(Call& call) {
  StreamObject* predictions = Object<StreamObject>::at(call, 1);
  if (!predictions) throw Misuse("join: write it with a colon, as in predictions:join(labels, { ... })");
  const Place at = call.place();
  StreamObject out;
  StreamObject* labels = Object<StreamObject>::at(call, 2);
  if (!labels) {
    call.complain_argument(1, "the stream of labels");
    Object<StreamObject>::push(call, out);
    return 1;
  }
  auto& streams = call.pack.spec.streams;
  if (predictions->index < 0 || labels->index < 0) {
    Object<StreamObject>::push(call, out);
    return 1;
  }
  const StreamSpec ours = streams[static_cast<std::size_t>(predictions->index)];
  const StreamSpec theirs = streams[static_cast<std::size_t>(labels->index)];
  Fields fields(call, 3, *call.entry, at, ours.name + ":join");
  JoinSpec spec;
  spec.predictions = ours.name;
  spec.labels = theirs.name;
  spec.on = fields.texts("on");
  spec.within = fields.duration("within").value_or(spec.within);
  spec.early = fields.duration("early").value_or(spec.early);
  spec.coverage = fields.number("coverage").value_or(spec.coverage);
  spec.is_over_label_time = fields.text("time").value_or("predicted") == "actual";
  spec.most_pending = fields.whole("most_pending", 1, 1'000'000'000).value_or(spec.most_pending);
  if (fields.is_good()) {
    auto made = joined_stream(spec, ours, theirs);
    if (!made) {
      std::string why = made.error().text;
      if (why.rfind(ours.name + ":join(" + theirs.name + "): ", 0) == 0)
        why = why.substr(ours.name.size() + theirs.name.size() + 9);
      call.complain(at, call.source_map(at).call(at.line, at.call), fields.path(), why);
    } else {
      std::size_t number = 1;
      for (std::size_t i = 0; i < streams.size(); ++i) {
        if (!streams[i].join || streams[i].join->predictions != ours.name || streams[i].join->labels != theirs.name)
          continue;
        ++number;
        if (same(*streams[i].join, spec) && streams[i].derived.empty()) out.index = static_cast<int>(i);
      }
      if (out.index < 0) {
        if (number > 1) made->name += " " + std::to_string(number);
        made->file = at.file;
        made->line = std::to_string(at.line);
        out.index = static_cast<int>(streams.size());
        streams.push_back(std::move(*made));
      }
    }
  }
  Object<StreamObject>::push(call, out);
  return 1;
}

}  // namespace

std::string joined_with(const Declarations& pack, const StreamObject& stream) {
  const auto& streams = pack.spec.streams;
  const std::string& name = streams[static_cast<std::size_t>(stream.index)].name;
  for (const StreamSpec& s : streams)
    if (s.join && (s.join->predictions == name || s.join->labels == name)) return s.name;
  return {};
}

std::vector<Entry> join_entries() {
  return {
      {"join",
       "method",
       "stream",
       {argument("labels", "stream", "The stream whose records say what the outcome was."),
        need("on", "text or list", "The key column, or columns, that both streams have with one type.", {"key", "by"}),
        need("within", "duration", "How long after its prediction a label may be.", {"window", "timeout"}),
        may("early", "duration", "0s", "How long before its prediction a label may be; older ones are leaks."),
        may("coverage", "number", "0.8", "The share of labelled predictions from which a window is judged."),
        may("time", "text", "predicted", "Windows over the predictions' time, or the labels' (\"actual\").", {},
            {"predicted", "actual"}),
        may("most_pending", "whole number", "1000000", "Rows of each side that may wait; the oldest go first.",
            {"buffer", "limit"})},
       "stream",
       at_load(),
       "declare",
       "The predictions that have met their labels, as a stream with the columns of both; a column both have is "
       "predicted.c and actual.c. Windows are revised as labels arrive, and judged once enough of them are there.",
       {"local judged = predictions:join(fills, { on = \"id\", within = \"2 days\", coverage = 0.8 })"},
       join,
       nullptr},
  };
}

}  // namespace tidewatch
