"""T5, T8, T10: monitors judged. T9: what their windows weigh."""
import time

import packs
from kit import Engine
from peers import prometheus, victoria


def t5(bench):
    """evaluations a second"""
    monitors = 1000
    minutes = 240 if bench.quick else 1440
    file = bench.records(shape="value", count=minutes * 6, segments=1, step_us=10_000_000)
    peers = [("vmalert replay", bench.beside("vmalert replay, as evaluations", victoria.replay_rate, 200 if bench.quick else monitors)),
             ("promtool test rules", bench.beside("promtool test rules, as evaluations", prometheus.promtool_rate, monitors))]
    for form, says, aim in (("closure", "Lua closure, three window reads, a clock of its own", 3.0), ("native", "native condition, one read, :lasting", None)):
        pack, rates, count = bench.pack(packs.judges(monitors, form)), [], 0
        for _ in range(bench.runs):
            _, _, result = bench.backtest(pack, file, "values")
            count = result["evaluations"]
            rates.append(count / result["seconds"] / 1e6)
        bench.row(f"evaluations: {says}; {count:,} over {minutes} minutes", rates, "M evals/s", 1.0, aim, peers=peers,
                  bound="the call into Lua and three proxies" if form == "closure" else "the merge of panes, once a minute for all, and the alert's state")


def lateness(before, after):
    """p99 in ms from the difference of two scrapes of tidewatch_tick_lateness_seconds."""
    name = "tidewatch_tick_lateness_seconds_bucket"
    counts = sorted((float("inf") if "+Inf" in key else float(key.split('le="')[1].split('"')[0]), value - before.get(key, 0))
                    for key, value in after.items() if key.startswith(name))
    if not counts or counts[-1][1] <= 0:
        return None
    return next(edge for edge, below in counts if below >= 0.99 * counts[-1][1]) * 1e3


def t8(bench):
    """many monitors at 1 Hz"""
    seconds = 8 if bench.quick else 20
    file = bench.records(shape="value", count=1000, segments=1, step_us=1000)
    for count, must in ((10_000, 2), (100_000, 10)):
        if bench.quick and count > 10_000:
            continue
        peers = [("Prometheus, as many rules every second", bench.beside("Prometheus, 10,000 rules every second", prometheus.rules_cpu, 10_000, seconds))]
        with Engine(bench, bench.pack(packs.judges(count, "native", every="1s")), bench.fresh("state")) as engine:
            bench.post(engine.port, file, path="/api/v1/records/values", records=1000, seconds=1)
            time.sleep(2)
            before, used, clock = engine.metrics(), engine.cpu(), time.monotonic()
            time.sleep(seconds)
            used, took, after = engine.cpu() - used, time.monotonic() - clock, engine.metrics()
        grown = lambda name: sum(value - before.get(key, 0) for key, value in after.items() if key.startswith(name))
        late = lateness(before, after)
        bench.row(f"{count:,} monitors at 1 Hz", [100 * used / took], "% of a core", must, None, less_is_better=True,
                  peers=peers if count == 10_000 else (), bound="one coalesced wake a second, then the state of each alert",
                  note=f"{grown('tidewatch_evaluations_total') / took:,.0f} evaluations/s, {grown('tidewatch_evaluations_missed_total'):.0f} missed in {took:.0f} s")
        if late is None:
            bench.row(f"{count:,} monitors at 1 Hz, lateness p99", [], "ms", 50, None, less_is_better=True,
                      note="not measured: this binary has no tidewatch_tick_lateness_seconds")
        else:
            bench.row(f"{count:,} monitors at 1 Hz, lateness p99 (a bucket's upper edge)", [late], "ms", 50, None, less_is_better=True,
                      bound="the length of one tick: the last monitor waits for all others")


def t9(bench):
    """memory a label set"""
    count = 640_000 if not bench.quick else 240_000
    segments = 17 if not bench.quick else 6
    sets = 600 * segments
    file = bench.records(count=count, segments=segments, step_us=16 * 60 * 1_000_000 // count)
    reference = bench.records(count=20_000, seed=9)
    pack = bench.pack(packs.ten_metrics(psi=reference))
    peers = [("VictoriaMetrics, ten series and no panes", bench.beside("VictoriaMetrics memory", victoria.memory)),
             ("Prometheus, ten series and no panes", bench.beside("Prometheus memory", prometheus.memory))]
    with Engine(bench, pack, bench.fresh("state", True)) as engine:
        time.sleep(0.5)
        idle = engine.rss()
        bench.post(engine.port, file, stamp="none", connections=1, records=count, seconds=120)
        weighs = (engine.rss() - idle) / sets / 1024
        time.sleep(1)
    name = f"memory a label set: 10 metrics x 16 panes with p95 and PSI, {sets:,} label sets, {count / sets / 16:.1f} records a pane"
    bench.row(name, [weighs], "KB", 16, None, less_is_better=True, peers=peers,
              bound="panes: 160 a label set; resident memory with allocator slack and request buffers")


def t10(bench):
    """backtest of 1,000 monitors over a day"""
    count = 864_000
    file = bench.records(shape="value", count=count, segments=100, step_us=100_000)
    rules = 200 if bench.quick else 1000
    days, why = bench.beside("vmalert replay", victoria.replay, rules)
    peers = [("vmalert replay, no records" + (", a fifth of its speed at 200 rules" if bench.quick else ""), ([d * rules / 1000 for d in days], why)),
             ("promtool test rules, no records", bench.beside("promtool test rules", prometheus.promtool, 1000))]
    for window, says in (('over = "5m", step = "1m"', "panes of 1 m"), ('over = "5m"', "panes of 5 s")):
        pack, days = bench.pack(packs.thousand_monitors(1000, window)), []
        for _ in range(1 if bench.quick else bench.runs):
            wall, _, result = bench.backtest(pack, file, "values")
            days.append(1 / wall)
        bench.row(f"backtest, 1,000 monitors x 1 day of minutes, {count:,} records, {says}", days, "days/s", 1.5, 3, peers=peers,
                  bound="1,000 handles: which records are whose, then T5",
                  note=f"{result['evaluations']:,} evaluations in {result['seconds']:.2f} s")


ROWS = {"T5": t5, "T8": t8, "T9": t9, "T10": t10}
