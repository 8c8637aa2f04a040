#include "bindings/loading.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "bindings/stall_watch.h"
#include "bindings/stock_packs.h"

namespace tidewatch {

std::string pack_name(const std::string& folder) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder, error).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  return path.filename().string();
}

LoadedState open_state(const std::string& folder, StateUse use, std::vector<Problem>& problems) {
  LoadedState out;
  HostOptions options;
  options.chunk_prefix = pack_name(folder);
  options.folder = folder;
  options.count_budgets = use != StateUse::live;
  if (use == StateUse::test) options.memory_cap = 64u << 20;
  auto host = Host::create(options);
  if (!host) {
    Problem p;
    p.file = options.chunk_prefix;
    p.what = host.error().text;
    problems.push_back(std::move(p));
    return out;
  }
  out.host = std::move(*host);
  out.host->set_library([](const std::string& name) -> Result<std::string> {
    std::vector<std::string> known;
    for (const StockPack& pack : stock_packs()) {
      if (pack.name == name) return std::string(pack.text);
      known.emplace_back(pack.name);
    }
    return not_found("there is no stock pack of this name" + did_you_mean(name, known));
  });
  out.declarations = std::make_unique<Declarations>(*out.host);
  out.declarations->spec.name = options.chunk_prefix;
  out.declarations->spec.folder = folder;
  define_api(*out.host, *out.declarations);
  return out;
}

void add_failure(Declarations& declarations, const Outcome& outcome) {
  Problem p = problem_of_message(outcome.message);
  if (p.file.empty()) p.file = declarations.spec.name;
  // LuaJIT asks no metamethod when a number is compared with an object, so that the handle cannot say this itself.
  if (p.what.rfind("attempt to compare", 0) == 0 && p.what.find("userdata") != std::string::npos)
    p.what +=
        "; a metric has no value while a pack is loaded: judge it with a condition, as in warning = above(5), or "
        "in a `when` function";
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

// A severity that is reached before a milder one leaves the milder one nothing to say: limits the wrong way round.
void check_order(Declarations& d) {
  for (const MonitorSpec& m : d.spec.monitors)
    for (std::size_t mild = 1; mild < 3; ++mild)
      for (std::size_t grave = mild + 1; grave <= 3; ++grave) {
        if (!m.rules[mild] || !m.rules[grave]) continue;
        const Condition &a = m.rules[mild]->condition, &b = m.rules[grave]->condition;
        if (a.kind != b.kind || a.input != b.input) continue;
        const bool is_turned = (a.kind == Condition::Kind::above && b.high < a.high) ||
                               (a.kind == Condition::Kind::below && b.low > a.low);
        if (!is_turned) continue;
        Problem p;
        p.is_warning = true;
        p.file = m.file;
        p.line = m.line;
        p.path = "monitor \"" + m.name + "\"";
        p.what = std::string(name_of(static_cast<Severity>(grave))) + " = " + b.describe() + " is reached before " +
                 std::string(name_of(static_cast<Severity>(mild))) + " = " + a.describe() +
                 "; are the limits the wrong way round?";
        d.problems.add(std::move(p));
      }
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
  check_order(d);
}

const CallUnit* Declarations::unit_of(int function) {
  const auto at = static_cast<std::size_t>(function);
  if (units.size() <= at) units.resize(functions.size());
  if (units[at] != nullptr) return units[at];
  std::string name = "function " + std::to_string(function), file;
  int line = 0;
  for (const auto& m : spec.monitors)
    if (m.judge == function) name = m.name, file = m.file, line = m.line;
  for (const auto& h : spec.handles)
    if (h.op == HandleSpec::Op::metric && h.metric.predicate == function)
      name = "where of " + describe(h, spec.handles), file = h.file, line = h.line;
  if (!file.empty()) name += " (" + file + ":" + std::to_string(line) + ")";
  return units[at] = call_unit(spec.name, name);
}

namespace {

struct JudgeFrame {
  int function;
  const LabelSet* labels;
  std::span<const std::pair<std::string_view, const Reading*>> inputs;
  Declarations* pack;
  Judgement* out;
};

// The tables are built inside the protected call: pushing a text may run out of memory.
int judge_body(lua_State* state) {
  JudgeFrame& f = *static_cast<JudgeFrame*>(lua_touserdata(state, 1));
  f.pack->functions[static_cast<std::size_t>(f.function)].push();
  f.pack->readings.push(state, f.function, f.inputs);
  lua_newtable(state);
  for (const auto& [name, value] : f.labels->pairs()) {
    push_text(state, name);
    push_text(state, value);
    lua_rawset(state, -3);
  }
  lua_call(state, 2, 1);
  if (lua_isnil(state, -1)) return 0;
  Call call(state, nullptr);
  if (const VerdictObject* verdict = Object<VerdictObject>::at(call, -1)) {
    *f.out = verdict->judgement;
  } else {
    f.out->kind = Judgement::Kind::error;
    f.out->message = "expected a verdict such as critical \"why\", or nothing, got " + call.describe(lua_gettop(state));
  }
  return 0;
}

}  // namespace

Judgement judge_in(Declarations& d, int function, const LabelSet& labels,
                   std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) {
  Judgement out;
  lua_State* L = d.host.state();
  JudgeFrame frame{function, &labels, inputs, &d, &out};
  if (!d.judge_body)
    d.host.untouched([](lua_State* state) {
      lua_pushcfunction(state, judge_body);
      declarations_of(state).judge_body = Ref(state);
    });
  const auto before = d.now;
  d.now = now;
  d.judge_body.push();
  lua_pushlightuserdata(L, &frame);
  const Outcome outcome = d.host.call(Context::monitor, 1, 0, Duration{0}, d.unit_of(function));
  out.used = outcome.used;
  d.now = before;
  d.readings.close();
  // Verdicts live for one call; dropping them keeps a long run level.
  d.verdicts.clear();
  if (!outcome.ok()) {
    out.kind = Judgement::Kind::error;
    out.message = outcome.message;
    out.traceback = outcome.traceback;
  }
  if (out.kind == Judgement::Kind::error)
    out.failure = outcome.kind == Outcome::Kind::budget   ? Judgement::Failure::budget
                  : outcome.kind == Outcome::Kind::memory ? Judgement::Failure::memory
                                                          : Judgement::Failure::error;
  return out;
}

namespace {

constexpr std::size_t most_predicate_rows = 8192;

struct PredicateFrame {
  const Ref* function;
  const Batch* batch;
  const StreamSpec* stream;
  std::vector<std::uint8_t>* out;
  std::size_t row = 0;  // where it stands, for the message of an error
  std::size_t end = 0;  // of this call
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

// A row has the columns of its stream and no others; upvalue 1 holds their names.
int missing_column(lua_State* L) {
  if (lua_type(L, 2) == LUA_TSTRING) {
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (lua_toboolean(L, -1) != 0) return 0;  // null
  }
  std::vector<std::string> names;
  for (lua_pushnil(L); lua_next(L, lua_upvalueindex(1)) != 0; lua_pop(L, 1)) names.emplace_back(text_at(L, -2));
  std::sort(names.begin(), names.end());
  const std::string name(lua_type(L, 2) == LUA_TSTRING ? text_at(L, 2) : "that key");
  throw Misuse("the row has no column \"" + name + "\"" + did_you_mean(name, names));
}
int guarded_missing_column(Call& call) { return missing_column(call.state); }
int refuse_column(Call&) { throw Misuse("a row cannot be changed; keep what you need in a local"); }
int kept_row(Call&) { throw Misuse("this row was kept after its batch; keep the values you need instead"); }

const char row_key = 0;  // its address is the Lua registry's key of the row table of the call under way

// Empties the row table, so that a script that kept it learns so instead of reading another batch's values.
void close_row(lua_State* L) {
  const int top = lua_gettop(L);
  lua_pushlightuserdata(L, const_cast<char*>(&row_key));
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (lua_istable(L, -1)) {
    const int row = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, row) != 0;) {
      lua_pop(L, 1);
      lua_pushvalue(L, -1);
      lua_pushnil(L);
      lua_rawset(L, row);  // clearing a field while walking is allowed
    }
    lua_getmetatable(L, row);
    lua_pushcfunction(L, guard<kept_row>);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
  }
  lua_pushlightuserdata(L, const_cast<char*>(&row_key));
  lua_pushnil(L);
  lua_rawset(L, LUA_REGISTRYINDEX);
  lua_settop(L, top);
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
  lua_newtable(L);
  lua_newtable(L);
  for (std::size_t c = 0; c < columns; ++c) {
    push_text(L, names[c]);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
  }
  lua_pushcclosure(L, guard<guarded_missing_column>, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, guard<refuse_column>);
  lua_setfield(L, -2, "__newindex");
  lua_pushliteral(L, "row");
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, row_table);
  lua_pushlightuserdata(L, const_cast<char*>(&row_key));
  lua_pushvalue(L, row_table);
  lua_rawset(L, LUA_REGISTRYINDEX);
  luaL_checkstack(L, static_cast<int>(columns) + 8, "too many columns");
  for (std::size_t c = 0; c < columns; ++c) push_text(L, names[c]);
  for (std::size_t row = f.row; row < f.end; ++row) {
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
  Outcome outcome;
  // The budget is for a piece of a batch, not for a batch of any size.
  for (frame.end = 0; frame.end < batch.rows;) {
    frame.row = frame.end;
    frame.end = std::min(batch.rows, frame.end + most_predicate_rows);
    lua_pushcfunction(L, run_predicate);
    lua_pushlightuserdata(L, &frame);
    outcome = d.host.call(Context::predicate, 1, 0, Duration{0}, d.unit_of(function));
    d.host.untouched([](lua_State* state) { close_row(state); });
    if (!outcome.ok()) break;
  }
  if (outcome.ok()) return true;
  reason = outcome.message;
  if (outcome.kind == Outcome::Kind::error) reason += nulls_of(frame);
  return false;
}

}  // namespace tidewatch
