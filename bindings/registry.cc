#include "bindings/registry.h"

#include <iterator>

namespace tidewatch {

std::string Entry::signature() const {
  if (kind == "declaration") return name + " \"name\" { ... }";
  std::string out = owner.empty() ? name : owner + ":" + name;
  out += "(";
  std::string fields;
  bool first = true;
  for (const auto& p : params) {
    if (p.is_field) {
      fields += (fields.empty() ? "" : ", ") + p.name;
      continue;
    }
    out += (first ? "" : ", ") + p.name;
    first = false;
  }
  if (!fields.empty()) out += std::string(first ? "" : ", ") + "{ " + fields + " }";
  return out + ")";
}

const Param* Entry::find_field(std::string_view field) const {
  for (const auto& p : params)
    if (p.is_field && p.name == field) return &p;
  return nullptr;
}

std::vector<std::string> Entry::field_names() const {
  std::vector<std::string> out;
  for (const auto& p : params)
    if (p.is_field) out.push_back(p.name);
  return out;
}

const std::vector<Entry>& registry() {
  static const std::vector<Entry> all = [] {
    std::vector<Entry> out;
    for (auto part : {stream_entries, join_entries, metric_entries, handle_entries, detector_entries, monitor_entries,
                      condition_entries, baseline_entries, notifier_entries, source_entries, time_entries, test_entries,
                      simulate_entries}) {
      auto entries = part();
      std::move(entries.begin(), entries.end(), std::back_inserter(out));
    }
    return out;
  }();
  return all;
}

const Entry* find_entry(std::string_view owner, std::string_view name) {
  for (const auto& e : registry())
    if (e.owner == owner && e.name == name) return &e;
  return nullptr;
}

std::vector<std::string> names_of(std::string_view owner) {
  std::vector<std::string> out;
  for (const auto& e : registry())
    if (e.owner == owner) out.push_back(e.name);
  return out;
}

Param argument(std::string name, std::string type, std::string text) {
  return {std::move(name), std::move(type), true, false, {}, {}, {}, std::move(text)};
}

Param need(std::string name, std::string type, std::string text, std::vector<std::string> aliases) {
  return {std::move(name), std::move(type), true, true, {}, {}, std::move(aliases), std::move(text)};
}

Param may(std::string name, std::string type, std::string fallback, std::string text, std::vector<std::string> aliases,
          std::vector<std::string> choices) {
  return {std::move(name),    std::move(type),    false,          true, std::move(fallback),
          std::move(choices), std::move(aliases), std::move(text)};
}

std::vector<Context> at_load() { return {Context::load}; }
std::vector<Context> anywhere() {
  return {Context::load,    Context::predicate, Context::monitor, Context::report,
          Context::runbook, Context::prompt,    Context::test};
}
std::vector<Context> in_tests() { return {Context::test}; }

}  // namespace tidewatch
