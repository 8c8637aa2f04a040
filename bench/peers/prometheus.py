"""Prometheus: remote write, rules, promtool's tests, detection through a scrape, recovery, and what it weighs idle."""
import http.client, json, os, struct, subprocess, time

from kit import Process, Unmeasured, free_port, get


class Prometheus(Process):
    def __init__(self, bench, interval="15s", targets=(), rules="", alertmanager=0, data="", extra=()):
        folder = bench.fresh("prometheus")
        self.port, self.data = free_port(), data or os.path.join(folder, "data")
        config = f"global:\n  scrape_interval: {interval}\n  scrape_timeout: {interval}\n  evaluation_interval: {interval}\n"
        config += f"scrape_configs:\n- job_name: t\n  static_configs:\n  - targets: {json.dumps(list(targets))}\n"
        if rules:
            with open(os.path.join(folder, "rules.yml"), "w") as out:
                out.write(rules)
            config += "rule_files: [rules.yml]\n"
        if alertmanager:
            config += f'alerting:\n  alertmanagers:\n  - static_configs:\n    - targets: ["127.0.0.1:{alertmanager}"]\n'
        with open(os.path.join(folder, "prometheus.yml"), "w") as out:
            out.write(config)
        super().__init__(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={self.data}",
                          f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn", *extra], bench.folder)
        self.started = self.ready(self.port, "/-/ready")

    def metrics(self):
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in get(self.port, "/metrics", 30).splitlines() if line and line[0] != "#"}


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def snappy(body):
    """A valid snappy block of literals only: nothing is saved, nothing needs a library."""
    out = varint(len(body))
    for i in range(0, len(body), 65536):
        part = body[i:i + 65536]
        out += bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part
    return out


def write_bodies(series, rounds, now_ms, a_request=2000):
    names = ["psi", "null_rate", "mae", "rmse", "auc", "p95_latency_ms", "error_rate", "freshness_seconds", "volume", "mean_pred"]
    label = lambda k, v: field(1, field(1, k.encode()) + field(2, v.encode()))
    heads = [label("__name__", "tw_" + names[i % 10]) + label("model", f"m{(i // 10) % 1000}") + label("region", "r0") +
             label("segment", f"s{i // 10}") for i in range(series)]
    for r in range(rounds):
        for first in range(0, series, a_request):
            yield snappy(b"".join(
                field(1, heads[i] + field(2, b"\x09" + struct.pack("<d", 0.1 + i * 1e-6 + r) + b"\x10" + varint(now_ms + r * 1000)))
                for i in range(first, min(series, first + a_request))))


def send(port, bodies):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in bodies:
        connection.request("POST", "/api/v1/write", body=body, headers={
            "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0"})
        answer = connection.getresponse()
        answer.read()
        if answer.status // 100 != 2:
            raise Unmeasured(f"remote write answered {answer.status}")


def write_rates(bench):
    """(M new series a second, M further samples a second) of one server, bodies made beforehand."""
    series, rounds = (20_000, 5) if bench.quick else (100_000, 5)
    bodies = list(write_bodies(series, rounds, int(time.time() * 1000) - rounds * 1000))
    first = series // 2000
    with Prometheus(bench, interval="60s", extra=["--web.enable-remote-write-receiver"]) as server:
        clock = time.monotonic()
        send(server.port, bodies[:first])
        middle = time.monotonic()
        send(server.port, bodies[first:])
        end = time.monotonic()
    return [series / (middle - clock) / 1e6, series * (rounds - 1) / (end - middle) / 1e6]


def remote_write(bench):
    return bench.beside("Prometheus remote write", write_rates)[0][1:]


def remote_write_new(bench):
    return bench.beside("Prometheus remote write", write_rates)[0][:1]


def promtool(bench, rules):
    """Days a second of `promtool test rules`, some hours of as many rules with one constant series each."""
    folder, minutes = bench.fresh("promtool"), 30 if bench.quick else 120
    with open(os.path.join(folder, "rules.yml"), "w") as out:
        out.write("groups:\n- name: g\n  interval: 1m\n  rules:\n")
        for i in range(rules):
            out.write(f'  - alert: A{i}\n    expr: psi{{model="m{i}"}} > 0.3\n    for: 5m\n')
    with open(os.path.join(folder, "test.yml"), "w") as out:
        out.write("rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n")
        for i in range(rules):
            out.write(f"  - series: 'psi{{model=\"m{i}\"}}'\n    values: '0.1+0x{minutes}'\n")
        out.write(f"  alert_rule_test:\n  - eval_time: {minutes - 1}m\n    alertname: A0\n    exp_alerts: []\n")
    clock = time.monotonic()
    ran = subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, timeout=200)
    if ran.returncode != 0:
        raise Unmeasured("promtool: " + (ran.stderr or ran.stdout).strip()[-150:])
    return [minutes / 1440 / (time.monotonic() - clock)]


def promtool_rate(bench, rules):
    return [days * rules * 1440 / 1e6 for days in bench.beside("promtool test rules", promtool, rules)[0]]


def recovery(bench):
    """Seconds from the start after kill -9 to ready, 100,000 series of ten samples in the log."""
    series, rounds = 100_000, 10
    with Prometheus(bench, interval="60s", extra=["--web.enable-remote-write-receiver"]) as server:
        send(server.port, write_bodies(series, rounds, int(time.time() * 1000) - rounds * 1000))
        server.kill()
        with Prometheus(bench, interval="60s", data=server.data) as again:
            return [again.started]


def rules_cpu(bench, rules, seconds):
    """Percent of a core of `rules` alert rules every second; those a second it missed are in the sentence of an error."""
    text = "groups:\n- name: g\n  rules:\n" + "".join(f'  - alert: A{i}\n    expr: up{{model="m{i}"}} > 2\n' for i in range(rules))
    with Prometheus(bench, interval="1s", rules=text) as server:
        time.sleep(2)
        before, clock = server.cpu(), time.monotonic()
        time.sleep(seconds)
        used = (server.cpu() - before) / (time.monotonic() - clock) * 100
    return [used]


def memory(bench):
    """KB a label set of ten series."""
    with Prometheus(bench, interval="60s", extra=["--web.enable-remote-write-receiver"]) as server:
        time.sleep(1)
        idle = server.rss()
        send(server.port, write_bodies(50_000, 4, int(time.time() * 1000) - 4000))
        time.sleep(1)
        return [(server.rss() - idle) / 5_000 / 1024]


def idle(bench, seconds):
    text = "groups:\n- name: g\n  interval: 1m\n  rules:\n" + "".join(f'  - alert: A{i}\n    expr: psi{{model="m{i}"}} > 2\n' for i in range(60))
    with Prometheus(bench, rules=text) as server:
        time.sleep(2)
        before = server.cpu()
        time.sleep(seconds)
        return server.started, server.rss(), (server.cpu() - before) / seconds
