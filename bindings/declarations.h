// Everything one Lua state has declared so far, and the objects its scripts hold.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bindings/binding.h"
#include "bindings/judge_readings.h"
#include "core/pack.h"
#include "metrics/handle.h"
#include "monitors/judge.h"

namespace tidewatch {

// `monitor "drift"` before its table; baseline "train" alone is a reference.
struct Declarer {
  const Entry* entry = nullptr;
  std::string name;
  Place place;
  bool is_done = false;
};

struct StreamObject {
  int index = -1;  // into spec.streams; -1 = poisoned: follow-ups keep silent
};

struct HandleObject {
  int id = -1;  // into spec.handles; -1 = poisoned
};

// trailing(...) and seasonal(...): a value's own past, to deviate from.
struct ReferenceObject {
  HandleSpec handle;  // without its input
  bool is_poisoned = false;
};

// A condition before it meets its monitor: rises and drops need the monitor's value to become a deviation.
struct ConditionDraft {
  Condition condition;
  enum class From { none, baseline, ago, past } from = From::none;
  std::string baseline;
  Duration ago{};
  HandleSpec past;  // trailing or seasonal
  std::vector<ConditionDraft> members;
};

struct ConditionObject {
  ConditionDraft draft;
  Duration lasting{0}, keep_firing{0};
  std::uint32_t times = 0, times_of = 0;
  bool is_poisoned = false;
  Place place;
};

struct VerdictObject {
  Judgement judgement;
};

struct SecretObject {
  std::string name;
};

struct TestCase {
  std::string name;
  Place place;
  Ref body;
};

struct SimulatorDraft {
  std::string name;
  Duration step{};
  std::optional<Instant> start;
  std::vector<std::string> faults;
  Ref each;
};

struct TestRun;
struct SimulationRun;

// Objects a test holds; their state is the run's.
struct TestObject {};
struct AlertObject {
  std::string monitor;
  LabelSet labels;
};
struct ExpectObject {
  Ref value;
};
struct SimulationObject {};

struct Declarations {
  explicit Declarations(Host& of) : host(of) {}

  Host& host;
  PackSpec spec;
  ProblemList problems;
  std::map<std::pair<std::string, std::string>, Place> names;  // (kind, name) -> where
  std::vector<Place> handle_places;                            // beside spec.handles
  std::set<HandleId> read_handles;                             // what monitors read
  std::vector<std::pair<std::string, Place>> baseline_uses;
  std::vector<Ref> functions;          // what MetricSpec::predicate and MonitorSpec::judge index
  std::vector<const CallUnit*> units;  // beside functions, when first called
  const CallUnit* unit_of(int function);
  std::vector<TestCase> tests;
  std::vector<SimulatorDraft> simulators;
  JudgeReadings readings;
  Ref judge_body;              // the C function every judgement goes through; pushing one makes a new object
  std::optional<Instant> now;  // engine time while a function is judged
  TestRun* test = nullptr;
  SimulationRun* simulation = nullptr;

  Pool<Declarer> declarers;
  Pool<StreamObject> streams;
  Pool<HandleObject> handles;
  Pool<ConditionObject> conditions;
  Pool<ReferenceObject> references;
  Pool<VerdictObject> verdicts;
  Pool<SecretObject> secrets;
  Pool<TestObject> test_objects;
  Pool<AlertObject> alerts;
  Pool<ExpectObject> expects;
  Pool<SimulationObject> simulations;

  Pool<Declarer>& pool(const Declarer*) { return declarers; }
  Pool<StreamObject>& pool(const StreamObject*) { return streams; }
  Pool<HandleObject>& pool(const HandleObject*) { return handles; }
  Pool<ConditionObject>& pool(const ConditionObject*) { return conditions; }
  Pool<ReferenceObject>& pool(const ReferenceObject*) { return references; }
  Pool<VerdictObject>& pool(const VerdictObject*) { return verdicts; }
  Pool<SecretObject>& pool(const SecretObject*) { return secrets; }
  Pool<TestObject>& pool(const TestObject*) { return test_objects; }
  Pool<AlertObject>& pool(const AlertObject*) { return alerts; }
  Pool<ExpectObject>& pool(const ExpectObject*) { return expects; }
  Pool<SimulationObject>& pool(const SimulationObject*) { return simulations; }
};

template <typename T>
const char Object<T>::key = 0;

template <typename T>
void Object<T>::push(Call& call, T value) {
  push_userdata(call.state, call.pack.pool(static_cast<const T*>(nullptr)).add(std::move(value)), &key);
}

template <typename T>
T* Object<T>::at(Call& call, int index) {
  if (!is_userdata_of(call.state, index, &key)) return nullptr;
  return call.pack.pool(static_cast<const T*>(nullptr)).get(*static_cast<Handle*>(lua_touserdata(call.state, index)));
}

// Notes a declared name; a second one of the kind is a problem, and false.
bool declare_name(Call& call, const std::string& kind, const std::string& name, const Place& place);

// The joined stream that has this one as a side; "" when none has.
std::string joined_with(const Declarations& pack, const StreamObject& stream);

// Adds a handle written at `place`.
HandleId add_handle(Declarations& pack, HandleSpec spec, const Place& place);

// A Reading as the table scripts read: value, text, n, nulls, excluded, status, reason, low, high, p_value, baseline.
void push_reading(lua_State* state, const Reading& reading);

// Its baseline as a table of name, n, from, to and hash; 0 and nothing pushed when it has none.
int push_baseline(lua_State* state, const Reading& reading);

// The value at `index` as one JSON object; keys sorted. The error names the key that has no JSON form.
Result<std::string> row_json(lua_State* state, int index);

// Reads `from = baseline "x"` or `from = "1 week ago"`; false after a complaint.
bool read_from(Call& call, Fields& fields, ConditionDraft& draft);

// A handle of the signed relative difference between `value` and what the draft says it is compared with.
HandleId add_deviation(Declarations& pack, HandleId value, const ConditionDraft& draft, const Place& place);

// The baseline a value names: baseline "train", or nullptr.
const Declarer* baseline_at(Call& call, int index);

}  // namespace tidewatch
