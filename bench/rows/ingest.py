"""T1 to T4 and T11: records in. The engine is on core 0 with all its threads, the load on core 1.

The engine has one mode: a batch is on disk before its 200. T3 is that. T1 is the same with the state folder in memory,
where fdatasync costs nothing, so that the figure is CPU alone. Both send live records: event time is the wall clock.
"""
import packs
from kit import Engine, Unmeasured
from peers import alertmanager, mtail, nats, pandas, prometheus, redis, victoria


def load(bench, quantity, file, in_memory, seconds, runs, **flags):
    """Accepted records a second by wall clock, records a second of server CPU, and the answer of the last run."""
    rates, cpu_rates, answer = [], [], {}
    for _ in range(runs):
        with Engine(bench, bench.pack(packs.ten_metrics()), bench.fresh("state", in_memory)) as engine:
            bench.post(engine.port, file, seconds=0.5, **flags)
            before = engine.cpu()
            answer = bench.post(engine.port, file, seconds=seconds, **flags)
            used = engine.cpu() - before
        if answer["accepted"] < 0.99 * answer["sent"] and not answer["refused"]:
            raise Unmeasured(f"{answer['sent'] - answer['accepted']} of {answer['sent']} records were rejected")
        rates.append(answer["accepted"] / answer["seconds"] / 1e6)
        cpu_rates.append(answer["accepted"] / max(used, 0.01) / 1e6)
    return rates, cpu_rates, answer


def waits(answer):
    text = f"a POST p50 {answer['p50_us'] / 1000:.2f} ms, p99 {answer['p99_us'] / 1000:.2f} ms"
    return text + (f"; {answer['refused']} refused: {answer['first_refusal']}" if answer["refused"] else "")


def per_core(cpu_rates):
    return f"server CPU: {sorted(cpu_rates)[len(cpu_rates) // 2]:.2f} M rec/s a core; "


def t1(bench):
    """records over HTTP, one core"""
    file = bench.records(count=400_000)
    rates, cpu, answer = load(bench, "T1", file, True, 2 if bench.quick else 4, bench.runs)
    peers = [("mtail, 4 metrics by regexp", bench.beside("mtail", mtail.one_shot)),
             ("pandas.read_json (reads only)", bench.beside("pandas.read_json", pandas.read_json, file, 400_000)),
             ("VictoriaMetrics, one sample a JSON line (samples)", bench.beside("VictoriaMetrics JSON lines", victoria.json_lines)),
             ("Prometheus remote write (samples)", bench.beside("Prometheus remote write, known series", prometheus.remote_write))]
    bench.row("POST of 64 KB, 10 metrics x 4 label columns, 1,800 label sets, state in memory", rates, "M rec/s", 1.0, 2.0, peers=peers,
              bound="parse of JSON, then ten pane updates a record", note=per_core(cpu) + waits(answer))


def t2(bench):
    """100,000 label sets"""
    file = bench.records(count=400_000, segments=167)
    rates, cpu, answer = load(bench, "T2", file, True, 3 if bench.quick else 5, bench.runs)
    peers = [("Prometheus remote write, new series", bench.beside("Prometheus remote write, new series", prometheus.remote_write_new))]
    bench.row("as T1, 100,200 label sets, most of them new", rates, "M rec/s", 0.5, 1.0, peers=peers,
              bound="DRAM: a label set's panes are seldom in a cache", note=per_core(cpu) + waits(answer))


def t3(bench):
    """on disk before the 200"""
    file = bench.records(count=400_000)
    rates, cpu, answer = load(bench, "T3", file, False, 2 if bench.quick else 4, bench.runs)
    peers = [("JetStream, file store", bench.beside("JetStream", nats.publish)),
             ("Redis XADD, fsync always", bench.beside("Redis XADD", redis.xadd))]
    bench.row("as T1, on disk before the 200", rates, "M rec/s", 0.4, 0.8, peers=peers,
              bound="fdatasync, and compression on the same core", note=per_core(cpu) + waits(answer))


def t4(bench):
    """one record a POST"""
    file = bench.records(count=400_000)
    peers = [("Alertmanager, one alert a POST, 1 connection", bench.beside("Alertmanager, one alert a POST", alertmanager.accept))]
    for connections, must, aim in ((1, 10, 40), (32, 40, None)):
        rates = []
        for _ in range(bench.runs):
            with Engine(bench, bench.pack(packs.ten_metrics()), bench.fresh("state")) as engine:
                bench.post(engine.port, file, seconds=0.3, lines=1, connections=connections)
                answer = bench.post(engine.port, file, seconds=1.5 if bench.quick else 3, lines=1, connections=connections)
            rates.append(answer["answers"] / answer["seconds"] / 1e3)
        bench.row(f"one record a POST, {connections} connection{'s' if connections > 1 else ''}, on disk before the 200", rates, "k req/s", must, None,
                  peers=peers if connections == 1 else (), bound="the round trip, and an fdatasync between question and answer",
                  note=waits(answer))


def t11(bench):
    """replay of a file"""
    count = 200_000 if bench.quick else 400_000
    file = bench.records(count=count)
    peers = [("pandas.read_json (reads only)", bench.beside("pandas.read_json", pandas.read_json, file, count))]
    for window, says in (('over = "16m", step = "1m"', "panes of 1 m"), ('over = "5m"', "panes of 5 s")):
        pack = bench.pack(packs.ten_metrics(window))
        rates = [count / bench.backtest(pack, file)[0] / 1e6 for _ in range(bench.runs)]
        bench.row(f"replay of NDJSON, {count:,} records 10 ms apart, 10 metrics x 1,800 label sets, {says}, read every 10 m", rates,
                  "M rec/s", 1.5, None, peers=peers, bound="parse of JSON; with panes of 5 s a record in two opens a pane")


ROWS = {"T1": t1, "T2": t2, "T3": t3, "T4": t4, "T11": t11}
