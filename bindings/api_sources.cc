// Sources: how records reach a stream besides HTTP.

#include <algorithm>

#include "bindings/declarations.h"

namespace tidewatch {

namespace {

int declare_file_tail(Call& call, const Declarer& declarer, int table) {
  const bool is_new = declare_name(call, "source", declarer.name, declarer.place);
  Fields fields(call, table, *declarer.entry, declarer.place, "file_tail \"" + declarer.name + "\"");
  SourceSpec spec;
  spec.name = declarer.name;
  spec.kind = "file_tail";
  spec.path = fields.text("path").value_or("");
  const bool is_csv = spec.path.size() > 4 && spec.path.compare(spec.path.size() - 4, 4, ".csv") == 0;
  spec.format = fields.text("format").value_or(is_csv ? "csv" : "ndjson");
  bool is_poisoned = false;
  if (fields.push("stream")) {
    const StreamObject* stream = Object<StreamObject>::at(call, lua_gettop(call.state));
    lua_pop(call.state, 1);
    const auto& streams = call.pack.spec.streams;
    if (stream && stream->index >= 0) {
      const StreamSpec& s = streams[static_cast<std::size_t>(stream->index)];
      spec.stream = s.name;
      if (s.join) fields.wrong("stream", "", "a stream that records arrive for", s.name + ", which its two sides feed");
    } else if (stream) {
      is_poisoned = true;
    } else if (const auto name = fields.text("stream")) {
      spec.stream = *name;
      if (std::none_of(streams.begin(), streams.end(), [&](const auto& s) { return s.name == *name; }))
        fields.wrong("stream", "", "a stream declared above", "\"" + *name + "\"");
    }
  }
  if (is_new && fields.is_good() && !is_poisoned) call.pack.spec.sources.push_back(std::move(spec));
  return 0;
}

}  // namespace

std::vector<Entry> source_entries() {
  return {{"file_tail",
           "declaration",
           "",
           {need("stream", "stream", "Where its records go."), need("path", "text", "Relative to the pack.", {"file"}),
            may("format", "text", "by the file's name, else ndjson", "How a line is read.", {}, {"ndjson", "csv"})},
           "",
           at_load(),
           "declare",
           "Follows a growing file.",
           {"file_tail \"log\" { stream = api, path = \"requests.ndjson\" }"},
           nullptr,
           declare_file_tail}};
}

}  // namespace tidewatch
