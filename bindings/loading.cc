#include "bindings/loading.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"

namespace tidewatch {

std::string pack_name(const std::string& folder) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder, error).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  return path.filename().string();
}

LoadedState open_state(const std::string& folder, bool is_test, std::vector<Problem>& problems) {
  LoadedState out;
  HostOptions options;
  options.chunk_prefix = pack_name(folder);
  options.folder = folder;
  options.count_budgets = is_test;
  if (is_test) options.memory_cap = 64u << 20;
  auto host = Host::create(options);
  if (!host) {
    Problem p;
    p.file = options.chunk_prefix;
    p.what = host.error().text;
    problems.push_back(std::move(p));
    return out;
  }
  out.host = std::move(*host);
  out.declarations = std::make_unique<Declarations>(*out.host);
  out.declarations->spec.name = options.chunk_prefix;
  out.declarations->spec.folder = folder;
  define_api(*out.host, *out.declarations);
  return out;
}

void add_failure(Declarations& declarations, const Outcome& outcome) {
  Problem p = problem_of_message(outcome.message);
  if (p.file.empty()) p.file = declarations.spec.name;
  if (p.line > 0)
    if (const std::string* text = find_source(declarations.host.sources(), p.file)) {
      const std::string source = line_of(*text, p.line);
      // Lua names the token it stumbled over, not its column; the first such token of the line is the likely one.
      const std::size_t near = p.what.find("near '");
      if (near != std::string::npos) {
        const std::size_t from = near + 6, end = p.what.find('\'', from);
        const std::string word = p.what.substr(from, end == std::string::npos ? end : end - from);
        for (const SourceToken& token : tokenize(source))
          if (token.text == word) {
            p.column = token.column;
            p.length = static_cast<int>(word.size());
            break;
          }
      }
    }
  declarations.problems.add(std::move(p));
}

bool run_script(LoadedState& state, const std::string& file) {
  const Outcome outcome = state.host->run_file(Context::load, file);
  if (!outcome.ok()) add_failure(*state.declarations, outcome);
  return outcome.ok();
}

namespace {

// Stands in for the script while handles are only checked: no row is ever asked about.
struct NoRows : RowPredicate {
  bool test(int, const Batch& batch, std::vector<std::uint8_t>& out, std::string&) override {
    out.assign(batch.rows, 0);
    return true;
  }
};

bool lacks_a_baseline(const PackSpec& spec, HandleId id) {
  const HandleSpec& handle = spec.handles[id];
  const std::string& name = handle.metric.against;
  if (handle.op == HandleSpec::Op::metric && !name.empty() &&
      std::none_of(spec.baselines.begin(), spec.baselines.end(), [&](const auto& b) { return b.name == name; }))
    return true;
  return std::any_of(handle.inputs.begin(), handle.inputs.end(),
                     [&](HandleId input) { return lacks_a_baseline(spec, input); });
}

}  // namespace

void check_whole(Declarations& d) {
  std::vector<std::string> baselines;
  for (const auto& [key, place] : d.names)
    if (key.first == "baseline") baselines.push_back(key.second);
  for (const auto& [name, place] : d.baseline_uses) {
    if (std::find(baselines.begin(), baselines.end(), name) != baselines.end()) continue;
    Problem p;
    p.file = place.file;
    p.line = place.line;
    if (const std::string* text = find_source(d.host.sources(), place.file)) {
      const SourceMap map(*text);
      Span span = map.call(place.line, "baseline", name);
      if (!span.line) span = map.value(place.line, place.call, {}, "against");
      if (span.line) p.line = span.line, p.column = span.column, p.length = span.length;
    }
    p.path = "baseline \"" + name + "\"";
    p.what = "nothing declares it";
    for (const auto& n : nearest_names(name, baselines)) p.nearest += (p.nearest.empty() ? "\"" : " or \"") + n + "\"";
    d.problems.add(std::move(p));
  }
  d.declarers.each([&](const Declarer& declarer) {
    if (declarer.is_done || declarer.entry->name == "baseline" || declarer.name.empty()) return;
    Problem p;
    p.file = declarer.place.file;
    p.line = declarer.place.line;
    p.path = declarer.entry->name + " \"" + declarer.name + "\"";
    p.what = "has no fields; write " + declarer.entry->signature();
    d.problems.add(std::move(p));
  });
  // Every handle is looked at even when something else is wrong, so that one run names all that is to be corrected.
  {
    const bool has_errors = d.problems.has_errors();
    std::vector<MetricEngine::Problem> found;
    NoRows no_rows;
    auto engine = MetricEngine::create(d.spec.streams, d.spec.baselines, d.spec.handles, &no_rows, &found);
    if (!engine && found.empty() && !has_errors) {
      Problem p;
      p.file = d.spec.name + "/pack.lua";
      p.what = engine.error().text;
      d.problems.add(std::move(p));
    }
    for (const auto& f : found) {
      if (f.handle >= d.handle_places.size()) continue;
      // A baseline with a mistake of its own is not there; what follows from that is not a second mistake.
      if (has_errors && lacks_a_baseline(d.spec, f.handle)) continue;
      const Place& place = d.handle_places[f.handle];
      Problem p;
      p.file = place.file;
      p.line = place.line;
      if (const std::string* text = find_source(d.host.sources(), place.file)) {
        const Span span = SourceMap(*text).call(place.line, place.call, place.name);
        if (span.line == place.line) p.column = span.column, p.length = span.length;
      }
      const HandleSpec& h = d.spec.handles[f.handle];
      if (h.op == HandleSpec::Op::metric) p.path = h.metric.stream + ":" + h.metric.metric;
      p.what = f.text;
      d.problems.add(std::move(p));
    }
  }
  // Handles read by a monitor, directly or through a combination; the rest cost memory for nothing.
  std::vector<bool> is_read(d.spec.handles.size());
  for (const HandleId id : d.read_handles) is_read[id] = true;
  for (std::size_t i = d.spec.handles.size(); i-- > 0;)
    if (is_read[i])
      for (const HandleId input : d.spec.handles[i].inputs) is_read[input] = true;
  std::vector<bool> is_part(d.spec.handles.size());
  for (const auto& h : d.spec.handles)
    for (const HandleId input : h.inputs) is_part[input] = true;
  for (std::size_t i = 0; i < is_read.size() && !d.problems.has_errors(); ++i) {
    if (is_read[i] || is_part[i]) continue;
    Problem p;
    p.is_warning = true;
    p.file = d.handle_places[i].file;
    p.line = d.handle_places[i].line;
    p.what = "no monitor reads this handle";
    d.problems.add(std::move(p));
  }
}

Judgement judge_in(Declarations& d, int function, const LabelSet& labels,
                   std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) {
  Judgement out;
  lua_State* L = d.host.state();
  struct Frame {
    const Ref* function;
    const LabelSet* labels;
    std::span<const std::pair<std::string_view, const Reading*>> inputs;
    Declarations* pack;
    Judgement* out;
  } frame{&d.functions[static_cast<std::size_t>(function)], &labels, inputs, &d, &out};
  // The tables are built inside the protected call: pushing a text may run out of memory.
  const auto body = [](lua_State* state) -> int {
    Frame& f = *static_cast<Frame*>(lua_touserdata(state, 1));
    f.function->push();
    lua_newtable(state);
    for (const auto& [name, reading] : f.inputs) {
      push_text(state, name);
      push_reading(state, *reading);
      lua_rawset(state, -3);
    }
    lua_newtable(state);
    for (const auto& [name, value] : f.labels->pairs()) {
      push_text(state, name);
      push_text(state, value);
      lua_rawset(state, -3);
    }
    lua_call(state, 2, 1);
    Call call(state, nullptr);
    if (const VerdictObject* verdict = Object<VerdictObject>::at(call, -1)) {
      *f.out = verdict->judgement;
    } else if (!lua_isnil(state, -1)) {
      f.out->kind = Judgement::Kind::error;
      f.out->message =
          "expected a verdict such as critical \"why\", or nothing, got " + call.describe(lua_gettop(state));
    }
    return 0;
  };
  const auto before = d.now;
  d.now = now;
  lua_pushcfunction(L, body);
  lua_pushlightuserdata(L, &frame);
  const Outcome outcome = d.host.call(Context::monitor, 1, 0);
  d.now = before;
  // Verdicts live for one call; dropping them keeps a long run level.
  d.verdicts.clear();
  if (!outcome.ok()) {
    out.kind = Judgement::Kind::error;
    out.message = outcome.message;
  }
  return out;
}

namespace {

struct PredicateFrame {
  const Ref* function;
  const Batch* batch;
  const StreamSpec* stream;
  std::vector<std::uint8_t>* out;
  std::size_t row = 0;  // where it stands, for the message of an error
};

// `; null in this row: latency_ms`, or nothing: comparing a null is the usual reason why such a function fails.
std::string nulls_of(const PredicateFrame& f) {
  std::string out;
  if (f.row >= f.batch->rows) return out;
  std::vector<std::string_view> names;
  for (const auto& c : f.stream->schema.columns) names.push_back(c.name);
  for (const auto& c : f.stream->derived) names.push_back(c.name);
  for (std::size_t c = 0; c < std::min(names.size(), f.batch->columns.size()); ++c)
    if (f.batch->columns[c].null[f.row]) out += (out.empty() ? "; null in this row: " : ", ") + std::string(names[c]);
  return out;
}

void push_cell(lua_State* L, const Column& column, std::size_t row) {
  if (column.null[row]) {
    lua_pushnil(L);
  } else if (column.is_text()) {
    push_text(L, column.text(row));
  } else if (column.type == ColumnType::boolean) {
    lua_pushboolean(L, column.integers[row] != 0);
  } else {
    push_number(L, column.as_number(row));
  }
}

// One row table, refilled: a new one per row would cost a collection every few thousand rows.
int run_predicate(lua_State* L) {
  PredicateFrame& f = *static_cast<PredicateFrame*>(lua_touserdata(L, 1));
  std::vector<std::string_view> names;
  for (const auto& c : f.stream->schema.columns) names.push_back(c.name);
  for (const auto& c : f.stream->derived) names.push_back(c.name);
  const std::size_t columns = std::min(names.size(), f.batch->columns.size());
  f.function->push();
  const int function = lua_gettop(L);
  lua_newtable(L);
  const int row_table = lua_gettop(L);
  luaL_checkstack(L, static_cast<int>(columns) + 8, "too many columns");
  for (std::size_t c = 0; c < columns; ++c) push_text(L, names[c]);
  for (std::size_t row = 0; row < f.batch->rows; ++row) {
    f.row = row;
    for (std::size_t c = 0; c < columns; ++c) {
      lua_pushvalue(L, row_table + 1 + static_cast<int>(c));
      push_cell(L, f.batch->columns[c], row);
      lua_rawset(L, row_table);
    }
    lua_pushvalue(L, function);
    lua_pushvalue(L, row_table);
    lua_call(L, 1, 1);
    (*f.out)[row] = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
  }
  return 0;
}

}  // namespace

bool test_in(Declarations& d, int function, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) {
  out.assign(batch.rows, 0);
  const StreamSpec* stream = nullptr;
  for (const auto& h : d.spec.handles)
    if (h.op == HandleSpec::Op::metric && h.metric.predicate == function)
      for (const auto& s : d.spec.streams)
        if (s.name == h.metric.stream) stream = &s;
  if (!stream || function < 0 || static_cast<std::size_t>(function) >= d.functions.size()) {
    reason = "no such function";
    return false;
  }
  PredicateFrame frame{&d.functions[static_cast<std::size_t>(function)], &batch, stream, &out};
  lua_State* L = d.host.state();
  lua_pushcfunction(L, run_predicate);
  lua_pushlightuserdata(L, &frame);
  const Outcome outcome = d.host.call(Context::predicate, 1, 0);
  if (outcome.ok()) return true;
  reason = outcome.message;
  if (outcome.kind == Outcome::Kind::error) reason += nulls_of(frame);
  return false;
}

}  // namespace tidewatch
