"""VictoriaMetrics: JSON lines in, vmalert's replay, a series' memory, and what it weighs idle."""
import http.client, json, os, random, subprocess, time

from kit import Process, Unmeasured, fetch, free_port

NAMES = ["psi", "null_rate", "mae", "rmse", "auc", "p95_latency_ms", "error_rate", "freshness_seconds", "volume", "mean_pred"]


class Victoria(Process):
    def __init__(self, bench):
        self.port = free_port()
        super().__init__(["victoria-metrics", "-storageDataPath=" + bench.fresh("victoria"), f"-httpListenAddr=127.0.0.1:{self.port}",
                          "-loggerLevel=ERROR", "-retentionPeriod=100y", "-search.latencyOffset=0s"], bench.folder)
        self.started = self.ready(self.port, "/health")

    def send(self, path, bodies):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for body in bodies:
            connection.request("POST", path, body=body)
            answer = connection.getresponse()
            answer.read()
            if answer.status // 100 != 2:
                raise Unmeasured(f"victoria-metrics answered {answer.status}")


def series(count):
    return [(NAMES[i % 10], {"model": f"m{(i // 10) % 1000}", "segment": f"s{i // 10}", "region": f"r{i % 4}"}) for i in range(count)]


def json_lines(bench):
    """Million samples a second, one sample a line (the nearest to a stream of records), 10,000 series."""
    rng, now, rates = random.Random(3), int(time.time() * 1000), []
    lines = [json.dumps({"metric": dict(labels, __name__=name), "values": [round(rng.random(), 5)], "timestamps": [now]})
             for name, labels in series(10_000)] * 30
    bodies = [("\n".join(lines[i:i + 2000]) + "\n").encode() for i in range(0, len(lines), 2000)]
    for _ in range(1 if bench.quick else 3):
        with Victoria(bench) as victoria:
            clock = time.monotonic()
            victoria.send("/api/v1/import", bodies)
            rates.append(len(lines) / (time.monotonic() - clock) / 1e6)
    return rates


def replay(bench, rules):
    """Days a second of vmalert's replay of one day, `rules` alert rules of one series each, once a minute."""
    with Victoria(bench) as victoria:
        end = int(time.time()) // 60 * 60
        begin = end - 86_400 - 600
        points = 1450
        stamps = [(begin + k * 60) * 1000 for k in range(points)]
        values = [0.1 if k < points - 100 else 0.5 for k in range(points)]
        victoria.send("/api/v1/import", [
            "".join(json.dumps({"metric": {"__name__": "psi", "model": f"m{i}"}, "values": values, "timestamps": stamps}) + "\n"
                    for i in range(first, min(first + 50, rules))) for first in range(0, rules, 50)])
        time.sleep(1)
        fetch(f"http://127.0.0.1:{victoria.port}/internal/force_flush")
        folder = bench.fresh("vmalert")
        path = os.path.join(folder, "rules.yml")
        with open(path, "w") as out:
            out.write("groups:\n- name: g\n  interval: 1m\n  rules:\n")
            for i in range(rules):
                out.write(f'  - alert: A{i}\n    expr: psi{{model="m{i}"}} > 0.3\n    for: 5m\n')
        at = lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))
        url = f"http://127.0.0.1:{victoria.port}"
        clock = time.monotonic()
        ran = subprocess.run(["vmalert", "-rule=" + path, "-datasource.url=" + url, "-remoteWrite.url=" + url,
                              "-replay.timeFrom=" + at(begin + 600), "-replay.timeTo=" + at(end), "-replay.maxDatapointsPerQuery=2000",
                              "-replay.rulesDelay=0s", "-replay.disableProgressBar", "-loggerLevel=ERROR",
                              f"-httpListenAddr=127.0.0.1:{free_port()}"], capture_output=True, text=True, timeout=120)
        if ran.returncode != 0:
            raise Unmeasured("vmalert: " + ran.stderr.strip()[-150:])
        return [1 / (time.monotonic() - clock)]


def replay_rate(bench, rules):
    """The same as million rule evaluations a second."""
    return [days * rules * 1440 / 1e6 for days in bench.beside("vmalert replay", replay, rules)[0]]


def memory(bench):
    """KB a label set of ten series, four samples each."""
    rng, count = random.Random(3), 50_000
    with Victoria(bench) as victoria:
        time.sleep(1)
        idle, now, all_series = victoria.rss(), int(time.time() * 1000), series(count)
        for turn in range(4):
            victoria.send("/api/v1/import/prometheus", [
                "".join(f'tw_{n}{{model="{x["model"]}",segment="{x["segment"]}",region="{x["region"]}"}} {rng.random():.5f} {now + turn * 15000}\n'
                        for n, x in all_series[i:i + 5000]) for i in range(0, count, 5000)])
        time.sleep(2)
        return [(victoria.rss() - idle) / (count / 10) / 1024]


def idle(bench, seconds):
    with Victoria(bench) as victoria:
        time.sleep(2)
        before = victoria.cpu()
        time.sleep(seconds)
        return victoria.started, victoria.rss(), (victoria.cpu() - before) / seconds
