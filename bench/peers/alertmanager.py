"""Alertmanager: alerts in by POST, a storm of webhooks out, and the two-process path from a scrape to a webhook."""
import datetime, http.client, json, os, random, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kit import Process, Receiver, Unmeasured, free_port, quantile
from peers.prometheus import Prometheus


class Alertmanager(Process):
    def __init__(self, bench, hook_port=1, group_wait="0s", group_by="['...']"):
        folder = bench.fresh("alertmanager")
        self.port = free_port()
        with open(os.path.join(folder, "config.yml"), "w") as out:
            out.write(f"route:\n  receiver: h\n  group_by: {group_by}\n  group_wait: {group_wait}\n  group_interval: 1m\n  repeat_interval: 4h\n"
                      f"receivers:\n- name: h\n  webhook_configs:\n  - url: http://127.0.0.1:{hook_port}/\n    send_resolved: false\n")
        super().__init__(["prometheus-alertmanager", f"--config.file={folder}/config.yml", f"--storage.path={folder}/data",
                          f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address=", "--log.level=error"], bench.folder)
        self.started = self.ready(self.port, "/-/ready")
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def send(self, body):
        self.connection.request("POST", "/api/v2/alerts", body=body, headers={"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise Unmeasured(f"Alertmanager answered {answer.status}")


def alert(i):
    return {"labels": {"alertname": f"A{i % 100}", "key": f"k{i}", "model": f"m{i % 50}", "severity": "critical"},
            "annotations": {"summary": "psi above 0.3"}, "startsAt": datetime.datetime.now(datetime.timezone.utc).isoformat()}


def accept(bench):
    """Thousand POSTs a second of one new alert each on one connection."""
    rates, count = [], 2000
    for _ in range(1 if bench.quick else 3):
        with Alertmanager(bench, group_wait="5m", group_by="['alertname']") as server:
            bodies = [json.dumps([alert(i)]) for i in range(count)]
            clock = time.monotonic()
            for body in bodies:
                server.send(body)
            rates.append(count / (time.monotonic() - clock) / 1e3)
    return rates


def storm(bench, count):
    """Seconds from the first POST to the last webhook, each alert a group of its own."""
    seconds = []
    for _ in range(1 if bench.quick else 3):
        with Receiver(bench, expect=count) as hook, Alertmanager(bench, hook.port) as server:
            bodies = [json.dumps([alert(i + j) for j in range(500)]) for i in range(0, count, 500)]
            clock = time.time()
            for body in bodies:
                server.send(body)
            arrivals = hook.arrivals(40)
        if len({key for _, key, _ in arrivals}) < count:
            raise Unmeasured(f"{len(arrivals)} of {count} webhooks came")
        seconds.append(arrivals[-1][0] - clock)
    return seconds


def detection(bench, keys, spread, interval="1s", group_wait="0s"):
    """Milliseconds from a value's flip behind a scrape target to the webhook's bytes, for each key."""
    flips = {}

    class Exporter(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            now = time.time()
            body = "".join(f'score{{key="k{i}"}} {0.9 if flips.get(i, 1e18) <= now else 0.1}\n' for i in range(keys)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    exporter = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    rules = "groups:\n- name: g\n  rules:\n  - alert: Score\n    expr: score > 0.5\n"
    try:
        with Receiver(bench, expect=keys) as hook, Alertmanager(bench, hook.port, group_wait) as alerts, \
                Prometheus(bench, interval, [f"127.0.0.1:{exporter.server_port}"], rules, alerts.port):
            time.sleep(3)
            rng, begin = random.Random(3), time.time() + 0.5
            for i in range(keys):
                flips[i] = begin + rng.random() * spread
            arrivals = hook.arrivals(spread + 10)
    finally:
        exporter.shutdown()
    first = {}
    for at, key, _ in arrivals:
        first.setdefault(key, at)
    took = [(first[f"k{i}"] - flips[i]) * 1e3 for i in range(keys) if f"k{i}" in first]
    if len(took) < 0.9 * keys:
        raise Unmeasured(f"{len(took)} of {keys} flips were told")
    return took


def detection_p50(bench, keys, spread):
    return [quantile(bench.beside("Prometheus and Alertmanager at 1 s", detection, keys, spread)[0], 0.5)]


def detection_p99(bench, keys, spread):
    return [quantile(bench.beside("Prometheus and Alertmanager at 1 s", detection, keys, spread)[0], 0.99)]


def idle(bench, seconds):
    with Alertmanager(bench) as server:
        time.sleep(2)
        before = server.cpu()
        time.sleep(seconds)
        return server.started, server.rss(), (server.cpu() - before) / seconds
