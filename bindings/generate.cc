#include "bindings/generate.h"

#include <set>

#include "base/text.h"
#include "bindings/registry.h"

namespace tidewatch {

namespace {

std::string lua_type_of(const Param& p) {
  if (!p.choices.empty()) {
    std::string out;
    for (const auto& c : p.choices) out += (out.empty() ? "\"" : "|\"") + c + "\"";
    return out;
  }
  if (p.type == "number" || p.type == "boolean" || p.type == "function") return p.type;
  if (p.type == "whole number") return "integer";
  if (p.type == "handle" || p.type == "condition" || p.type == "stream") return "tidewatch." + p.type;
  for (const char* texts : {"text", "duration", "window", "column", "expression", "instant"})
    if (p.type == texts) return "string";
  return "any";
}

std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

std::string json_list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const auto& i : items) out += (out.size() > 1 ? ",\"" : "\"") + json_escape(i) + "\"";
  return out + "]";
}

}  // namespace

std::string reference_markdown() {
  std::string out = "# Script API\n\nGenerated from the registry; do not edit.\n";
  // The options every metric shares stand once, at the first metric.
  bool has_options = false;
  for (const auto& e : registry()) {
    out += "\n## `" + e.signature() + "`\n\n" + e.text + "\n";
    if (e.kind == "metric" && has_options) {
      out += "\nOptions: those of every metric.\n";
    } else if (!e.params.empty()) {
      out += "\n| name | type | default | meaning |\n|---|---|---|---|\n";
      for (const auto& p : e.params)
        out += "| `" + p.name + "`" + (p.is_required ? " (required)" : "") + " | " + cell(p.type) + " | " +
               cell(p.fallback) + " | " + cell(p.text) + " |\n";
      has_options = has_options || e.kind == "metric";
    }
    if (!e.returns.empty()) out += "\nReturns: " + e.returns + ".\n";
    for (const auto& example : e.examples) out += "\n```lua\n" + example + "\n```\n";
  }
  return out;
}

std::string luacats_types() {
  std::string out = "---@meta\nerror(\"types for editors; not to be required\")\n";
  std::set<std::string> owners;
  for (const auto& e : registry()) {
    if (!e.owner.empty() && owners.insert(e.owner).second)
      out += "\n---@class tidewatch." + e.owner + "\nlocal " + e.owner + " = {}\n";
    out += "\n---" + e.text + "\n";
    std::string names, fields;
    for (const auto& p : e.params) {
      if (p.is_field) {
        fields += (fields.empty() ? "" : ", ") + p.name + (p.is_required ? "" : "?") + ": " + lua_type_of(p);
        continue;
      }
      out += "---@param " + p.name + " " + lua_type_of(p) + " " + p.text + "\n";
      names += (names.empty() ? "" : ", ") + p.name;
    }
    if (e.kind == "declaration") {
      out +=
          "---@param name string\n---@return fun(fields: { " + fields + " }): any\nfunction " + e.name + "(name) end\n";
      continue;
    }
    if (!fields.empty()) {
      out += "---@param options? { " + fields + " }\n";
      names += names.empty() ? "options" : ", options";
    }
    if (!e.returns.empty())
      out += "---@return " +
             (e.returns == "handle" || e.returns == "condition" || e.returns == "stream" ? "tidewatch." + e.returns
                                                                                         : "any") +
             "\n";
    out += "function " + (e.owner.empty() ? "" : e.owner + ":") + e.name + "(" + names + ") end\n";
  }
  return out;
}

std::string luacheckrc() {
  std::string out = "-- Generated from the registry; do not edit.\nstd = {\n  read_globals = {\n";
  for (const char* name :
       {"assert",   "error",  "ipairs",  "next",   "pairs",        "pcall",        "xpcall",   "print",
        "rawequal", "rawget", "rawset",  "select", "setmetatable", "getmetatable", "tonumber", "tostring",
        "type",     "unpack", "require", "string", "table",        "math",         "coroutine"})
    out += "    \"" + std::string(name) + "\",\n";
  for (const auto& name : names_of("")) out += "    \"" + name + "\",\n";
  return out + "  },\n}\n";
}

std::string api_json() {
  std::string out = "[";
  for (const auto& e : registry()) {
    out += out.size() > 1 ? ",\n" : "\n";
    out += "{\"name\":\"" + json_escape(e.name) + "\",\"kind\":\"" + e.kind + "\",\"owner\":\"" + e.owner +
           "\",\"returns\":\"" + json_escape(e.returns) + "\",\"effect\":\"" + e.effect + "\",\"text\":\"" +
           json_escape(e.text) + "\",\"contexts\":";
    std::vector<std::string> contexts;
    for (const Context c : e.contexts) contexts.emplace_back(name_of(c));
    out += json_list(contexts) + ",\"params\":[";
    bool first = true;
    for (const auto& p : e.params) {
      out += std::string(first ? "" : ",") + "{\"name\":\"" + json_escape(p.name) + "\",\"type\":\"" +
             json_escape(p.type) + "\",\"required\":" + (p.is_required ? "true" : "false") +
             ",\"field\":" + (p.is_field ? "true" : "false") + ",\"default\":\"" + json_escape(p.fallback) +
             "\",\"choices\":" + json_list(p.choices) + ",\"aliases\":" + json_list(p.aliases) + ",\"text\":\"" +
             json_escape(p.text) + "\"}";
      first = false;
    }
    out += "],\"examples\":" + json_list(e.examples) + "}";
  }
  return out + "\n]\n";
}

}  // namespace tidewatch
