// What a browser, a scraper or a shell may ask for.
#include "io/engine_state.h"

#include <utility>

#include "base/text.h"

namespace tidewatch {

EngineFacts Engine::State::facts() const {
  EngineFacts f;
  f.version = options.version;
  for (const auto& p : packs) {
    const auto& spec = p.core->pack();
    f.packs[spec.name] = p.core->counters();
    f.scripts[spec.name] = {p.scripts->facts(), p.scripts->deferred(), p.core->quarantined_scripts()};
    for (const auto& s : spec.streams)
      if (const auto* c = p.core->metrics().counters(s.name); c && !s.join)
        f.streams.push_back({spec.name, s.name, *c});
    for (const auto& j : p.core->metrics().joins())
      f.joins.push_back({spec.name, std::string(j.stream), j.counters, j.predictions, j.labels, j.memory_bytes});
    for (auto& a : p.core->alerts(true)) f.alerts.push_back(std::move(a));
    for (auto& rule : p.core->never_quiet()) f.never_quiet.push_back(std::move(rule));
  }
  for (auto& a : health.alerts()) f.alerts.push_back(std::move(a));
  for (const auto& [name, pack] : absent)
    for (auto& a : pack.held->orphans()) {
      a.held = "held: pack absent";
      f.alerts.push_back(std::move(a));
    }
  f.commits = times;
  f.tick_lateness = lateness;
  if (server) {
    f.http = server->counters();
    f.connections = server->connections();
    f.connections_held_bytes = server->held();
  }
  f.notifications = outbox->totals();
  f.store_failing = commits->is_failing();
  f.has_reload_failed = has_reload_failed;
  f.reloads = reloads;
  f.failed_reloads = failed_reloads;
  f.last_reload = last_reload;
  return f;
}

std::string Engine::State::dead_letters(const HttpRequest& request) const {
  std::string out = "{\"status\":\"success\",\"data\":[";
  bool first = true;
  for (const auto* l : letters.newest(100, request.parameter("stream").value_or(""))) {
    if (!std::exchange(first, false)) out += ",";
    out += "{\"at\":\"" + format_instant(l->at) + "\",\"stream\":\"" + json_escape(l->stream) + "\",\"source\":\"" +
           json_escape(l->source) + "\",\"line\":" + std::to_string(l->line) + ",\"reason\":\"" +
           json_escape(l->reason) + "\",\"detail\":\"" + json_escape(l->detail) + "\",\"record\":\"" +
           json_escape(l->record) + "\"}";
  }
  return out + "]}\n";
}

void Engine::State::handle(HttpRequest request, HttpServer::Respond respond) {
  if (!is_ready && request.path != "/-/healthy") {
    HttpResponse out = error_response(503, "recovering; ask again in a moment");
    out.headers.emplace_back("Retry-After", "1");
    return respond(std::move(out));
  }
  const bool is_get = request.method == "GET", is_post = request.method == "POST";
  const auto& path = request.path;
  const bool is_records = path.rfind("/api/v1/records/", 0) == 0;
  if (is_records || path == "/-/reload") {
    if (!is_post) return refuse_method("POST", respond);
    if (is_records) return ingest(std::move(request), std::move(respond));
    const Done ok = reload_from_app();
    return respond(ok ? HttpResponse{200, "text/plain; charset=utf-8", "reloaded\n"}
                      : error_response(500, ok.error().text));
  }
  const bool is_page = path == "/" || path == home_page_style_path || path == "/metrics" || path == "/-/healthy" ||
                       path == "/-/ready" || path == "/api/v1/alerts" || path == "/api/v1/dead_letters";
  if (!is_page) return respond(error_response(404, "nothing at " + (path.empty() ? request.target : path)));
  if (!is_get) return refuse_method("GET", respond);
  if (path == "/metrics") return respond({200, metrics_content_type, metrics_page(facts())});
  if (path == "/api/v1/alerts") return respond({200, "application/json", alerts_json(facts().alerts)});
  if (path == "/api/v1/dead_letters") return respond({200, "application/json", dead_letters(request)});
  if (path == home_page_style_path) return respond({200, "text/css; charset=utf-8", home_page_style()});
  if (path == "/-/healthy") return respond({200, "text/plain; charset=utf-8", "healthy\n"});
  if (path == "/-/ready")
    return respond(is_drained || is_ending ? HttpResponse{503, "text/plain; charset=utf-8", "ending\n"}
                                           : HttpResponse{200, "text/plain; charset=utf-8", "ready\n"});
  HttpResponse page{200, "text/html; charset=utf-8", home_page(facts())};
  page.headers.emplace_back("Content-Security-Policy", home_page_policy);
  respond(std::move(page));
}

void Engine::State::refuse_method(const char* allowed, const HttpServer::Respond& respond) {
  HttpResponse out = error_response(405, std::string("expected ") + allowed);
  out.headers.emplace_back("Allow", allowed);
  respond(std::move(out));
}

}  // namespace tidewatch
