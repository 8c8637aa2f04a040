// One entry for everything a script can say, beside the function that does it. From these entries, and nothing else,
// come: registration, the field tables of `check`, argument errors, help, editor types, the reference and api.json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bindings/host.h"

namespace tidewatch {

class Call;
struct Declarer;

struct Param {
  std::string name;
  std::string type;  // "duration" "number" "string" "handle" "condition" ...; also what people read
  bool is_required = false;
  bool is_field = true;  // a named field of the table; else a positional argument
  std::string fallback;  // the default, as it would be written
  std::vector<std::string> choices;
  std::vector<std::string> aliases;  // words from elsewhere that mean this one
  std::string text;
};

struct Entry {
  std::string name;
  std::string kind;   // "declaration": name, then a table. "function" "method" "metric"
  std::string owner;  // "" for globals; "stream" "handle" "condition" "test" ...
  std::vector<Param> params;
  std::string returns;
  std::vector<Context> contexts;  // where it may be called
  std::string effect;             // "pure" "read" "act" "declare"
  std::string text;
  std::vector<std::string> examples;
  int (*function)(Call&) = nullptr;                          // functions, methods, metrics
  int (*body)(Call&, const Declarer&, int table) = nullptr;  // declarations

  std::string signature() const;  // stream:p95(column, { over, by, ... })
  const Param* find_field(std::string_view field) const;
  std::vector<std::string> field_names() const;
};

// All entries, grouped as the reference shows them.
const std::vector<Entry>& registry();
const Entry* find_entry(std::string_view owner, std::string_view name);
std::vector<std::string> names_of(std::string_view owner);

// What the api_*.cc files contribute.
std::vector<Entry> stream_entries();
std::vector<Entry> join_entries();
std::vector<Entry> metric_entries();
std::vector<Entry> handle_entries();
std::vector<Entry> detector_entries();
std::vector<Entry> monitor_entries();
std::vector<Entry> condition_entries();
std::vector<Entry> baseline_entries();
std::vector<Entry> notifier_entries();
std::vector<Entry> source_entries();
std::vector<Entry> time_entries();
std::vector<Entry> test_entries();
std::vector<Entry> simulate_entries();

// Short spellings for the tables in api_*.cc.
Param argument(std::string name, std::string type, std::string text);
Param need(std::string name, std::string type, std::string text, std::vector<std::string> aliases = {});
Param may(std::string name, std::string type, std::string fallback, std::string text,
          std::vector<std::string> aliases = {}, std::vector<std::string> choices = {});
std::vector<Context> at_load();
std::vector<Context> anywhere();
std::vector<Context> in_tests();

}  // namespace tidewatch
