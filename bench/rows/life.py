"""T15 to T18: start, recovery, rest, size."""
import os, shutil, subprocess, time

import packs
from kit import Engine
from peers import alertmanager, prometheus, victoria


def resting(bench, peer):
    """(start seconds, resident bytes, share of a core) of a peer; measured once for T15 and T17."""
    return peer(bench, 5 if bench.quick else 20)


def peer_rest(bench, name, peer, which, scale):
    values, why = bench.beside(name + " idle", resting, peer)
    return name, ([values[which] * scale] if values else [], why)


def t15(bench):
    """start"""
    pack, took = bench.pack(packs.SIXTY), []
    for _ in range(3 * bench.runs):
        with Engine(bench, pack, bench.fresh("state")) as engine:
            took.append(engine.started * 1e3)
    peers = [peer_rest(bench, name, peer, 0, 1e3) for name, peer in (("Prometheus", prometheus.idle), ("Alertmanager", alertmanager.idle))]
    bench.row("start to accepting, 60 monitors, a new state folder", took, "ms", 50, None, less_is_better=True, peers=peers,
              bound="exec, the pack, an SQLite file")


def t16(bench):
    """kill -9 and start again"""
    peers = [("Prometheus, 100,000 series x 10 samples", bench.beside("Prometheus after kill -9", prometheus.recovery))]
    for says, segments, count in (("1 M records journaled", 3, 1_000_000), ("100,200 label sets", 167, 300_000)):
        took = []
        for _ in range(1 if bench.quick else bench.runs):
            state, pack = bench.fresh("state"), bench.pack(packs.ten_metrics())
            with Engine(bench, pack, state) as engine:
                answer = bench.post(engine.port, bench.records(count=400_000, segments=segments), records=count, seconds=60)
                engine.kill()
            size = sum(os.path.getsize(os.path.join(state, name)) for name in os.listdir(state)) / 1e6
            with Engine(bench, pack, state) as engine:
                took.append(engine.started)
            shutil.rmtree(state)
        bench.row(f"kill -9 to accepting, {says}", took, "s", 1, None, less_is_better=True, peers=peers,
                  bound="applying again what came after the newest checkpoint", note=f"{answer['accepted']:,} records were acknowledged, {size:.0f} MB on disk")


def t17(bench):
    """at rest"""
    seconds = 6 if bench.quick else 30
    with Engine(bench, bench.pack(packs.SIXTY), bench.fresh("state")) as engine:
        time.sleep(2)
        before = engine.cpu()
        time.sleep(seconds)
        rss, share = engine.rss() / 1e6, (engine.cpu() - before) / seconds * 100
    everybody = (("Prometheus", prometheus.idle), ("Alertmanager", alertmanager.idle), ("VictoriaMetrics", victoria.idle))
    bench.row("idle, 60 monitors a minute, resident memory", [rss], "MB", 12, None, less_is_better=True,
              peers=[peer_rest(bench, name, peer, 1, 1e-6) for name, peer in everybody], bound="pages of shared libraries, libcurl's and libssl's first")
    bench.row("idle, 60 monitors a minute", [share], "% of a core", 0.5, None, less_is_better=True,
              peers=[peer_rest(bench, name, peer, 2, 100) for name, peer in everybody], bound="30 us a wake")


def t18(bench):
    """size"""
    path = os.path.join(bench.fresh("size"), "tidewatch")
    subprocess.run(["strip", "-o", path, bench.binary], check=True)
    names = [name for name in ("prometheus", "prometheus-alertmanager", "victoria-metrics", "mtail") if shutil.which(name) and bench.peers]
    bench.row("stripped binary", [os.path.getsize(path) / 1e6], "MB", 5, None, less_is_better=True,
              peers=[(name, ([os.path.getsize(shutil.which(name)) / 1e6], "")) for name in names], bound="what Lua, SQLite and curl are not: those are shared libraries")


ROWS = {"T15": t15, "T16": t16, "T17": t17, "T18": t18}
