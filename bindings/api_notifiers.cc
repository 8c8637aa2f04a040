// Where transitions are sent, and secrets, which are names here: their text never enters a script.

#include "bindings/declarations.h"

namespace tidewatch {

namespace {

Severity severity_named(const std::string& name) {
  for (const Severity s : {Severity::info, Severity::warning, Severity::critical})
    if (name_of(s) == name) return s;
  return Severity::info;
}

int declare_console(Call& call, const Declarer& declarer, int table) {
  const bool is_new = declare_name(call, "notifier", declarer.name, declarer.place);
  Fields fields(call, table, *declarer.entry, declarer.place, "console \"" + declarer.name + "\"");
  NotifierSpec spec;
  spec.name = declarer.name;
  spec.kind = "console";
  spec.severity = severity_named(fields.text("severity").value_or("info"));
  if (is_new && fields.is_good()) call.pack.spec.notifiers.push_back(std::move(spec));
  return 0;
}

int declare_webhook(Call& call, const Declarer& declarer, int table) {
  const bool is_new = declare_name(call, "notifier", declarer.name, declarer.place);
  Fields fields(call, table, *declarer.entry, declarer.place, "webhook \"" + declarer.name + "\"");
  NotifierSpec spec;
  spec.name = declarer.name;
  spec.kind = "webhook";
  spec.severity = severity_named(fields.text("severity").value_or("info"));
  if (fields.push("url")) {
    const SecretObject* secret = Object<SecretObject>::at(call, lua_gettop(call.state));
    if (secret) spec.url_secret = secret->name;
    lua_pop(call.state, 1);
    if (!secret) {
      const auto url = fields.text("url");
      if (url && url->rfind("http://", 0) != 0 && url->rfind("https://", 0) != 0)
        fields.wrong("url", "", "a text that begins with http:// or https://, or secret \"NAME\"", "\"" + *url + "\"");
      spec.url = url.value_or("");
    }
  }
  if (is_new && fields.is_good()) call.pack.spec.notifiers.push_back(std::move(spec));
  return 0;
}

int secret(Call& call) {
  const auto name = call.need_text(1, 1, "the name of a secret");
  Object<SecretObject>::push(call, {name.value_or("")});
  return 1;
}

}  // namespace

std::vector<Entry> notifier_entries() {
  const auto severity =
      may("severity", "text", "info", "Least severity it hears.", {"level"}, {"info", "warning", "critical"});
  return {
      {"webhook",
       "declaration",
       "",
       {need("url", "text or secret", "Where to POST.", {"uri", "endpoint"}), severity},
       "",
       at_load(),
       "declare",
       "Sends every transition of the pack from `severity` upward as JSON.",
       {"webhook \"ops\" { url = secret \"OPS_HOOK\", severity = \"warning\" }"},
       nullptr,
       declare_webhook},
      {"console",
       "declaration",
       "",
       {severity},
       "",
       at_load(),
       "declare",
       "Prints transitions on the engine's own output.",
       {"console \"screen\" {}"},
       nullptr,
       declare_console},
      {"secret",
       "function",
       "",
       {argument("name", "text", "A file or environment variable, read at use.")},
       "secret",
       at_load(),
       "pure",
       "Names a secret; it is never printed, logged or journaled.",
       {"webhook \"desk\" { url = secret \"DESK_HOOK\" }"},
       secret,
       nullptr},
  };
}

}  // namespace tidewatch
