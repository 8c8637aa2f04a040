"""T6, T7, T13, T14: from a record to the bytes of a webhook, alone, under load, five thousand at once; runaway scripts."""
import json, random, socket, subprocess, time

import packs
from kit import Engine, Receiver, Unmeasured, get, quantile
from peers import alertmanager


def send(wire, stream, rows):
    """One POST on a kept connection; seconds until its answer. Raises on anything but a 2xx."""
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    request = (f"POST /api/v1/records/{stream} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    clock = time.monotonic()
    wire.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        chunk = wire.recv(1 << 16)
        if not chunk:
            raise Unmeasured("the engine hung up")
        answer += chunk
    if answer[9:10] != b"2":
        raise Unmeasured("answered " + answer[9:200].decode(errors="replace"))
    head, _, rest = answer.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    while len(rest) < length:
        rest += wire.recv(1 << 16)
    if json.loads(rest).get("rejected"):
        raise Unmeasured("rejected: " + rest.decode()[:200])
    return time.monotonic() - clock


def dial(port):
    wire = socket.create_connection(("127.0.0.1", port), timeout=30)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


def detect(bench, every, window, keys, gap, background=0):
    """Milliseconds from before a record is sent until its webhook has arrived, for each key; and what was lost."""
    rng, sent = random.Random(5), {}
    with Receiver(bench, expect=keys, seconds=keys * gap + 60) as hook, \
            Engine(bench, bench.pack(packs.detect(hook.port, every, window)), bench.fresh("state")) as engine:
        load = None
        if background:
            words = [bench.tool("post"), "--port", str(engine.port), "--file", bench.records(count=400_000), "--rate", str(background),
                     "--connections", "4", "--bytes", "16000", "--seconds", str(keys * gap + 2)]
            load = subprocess.Popen(bench.on_load_core(words), stdout=subprocess.PIPE, text=True)
            time.sleep(1)
        try:
            wire = dial(engine.port)
            for i in range(keys):
                time.sleep(gap * (0.5 + rng.random()))
                row = {"ts": int(time.time() * 1000), "key": f"k{i}", "score": 0.9}
                sent[f"k{i}"] = time.time()
                send(wire, "keys", [row])
            for _ in range(0 if every == "arrival" else 30):  # a stream goes on; its watermark closes the last panes
                time.sleep(0.1)
                send(wire, "keys", [{"ts": int(time.time() * 1000), "key": "calm", "score": 0.1}])
            arrivals = hook.arrivals(5)
        finally:
            if load:
                rate = json.loads(load.communicate(timeout=60)[0])
                background = rate["accepted"] / rate["seconds"]
    first = {}
    for at, key, _ in arrivals:
        first.setdefault(key, at)
    took = [(first[key] - sent[key]) * 1e3 for key in sent if key in first]
    if not took:
        raise Unmeasured("no webhook came")
    return took, len(sent) - len(took), background


def detection_rows(bench, says, took, lost, p50_must, p99_must, p99_aim, peer_keys, bound):
    disk = bench.disk() if p50_must else []
    for q, must, aim, peer_of in ((0.5, p50_must, None, alertmanager.detection_p50), (0.99, p99_must, p99_aim, alertmanager.detection_p99)):
        peers = [] if bench.quick else [("Prometheus + Alertmanager, 1 s / 1 s / 0 s", bench.beside(f"Prometheus and Alertmanager at 1 s, p{q * 100:.0f}", peer_of, *peer_keys))]
        bench.row(f"{says}, p{q * 100:.0f} of {len(took)}", [quantile(took, q)], "ms", must, aim, less_is_better=True, peers=peers, bound=bound,
                  note=f"p90 {quantile(took, 0.9):.2f}, worst {max(took):.2f}, {lost} lost" + (f"; a bare fdatasync right after: {quantile(disk, q):.2f}" if disk else "") + ("; its peer runs in the full bench only" if bench.quick else ""))


def t6(bench):
    """detect to notify on arrival"""
    keys, peer_keys = 150 if bench.quick else 400, (100, 20)
    took, lost, _ = detect(bench, "arrival", 'over = "10s", step = "1s", read = "open"', keys, 0.02)
    detection_rows(bench, 'record sent to webhook received, every = "arrival"', took, lost, 1, 5, 2, peer_keys, "two loopback hops, one commit: an fdatasync")
    took, lost, rate = detect(bench, "arrival", 'over = "10s", step = "1s", read = "open"', keys, 0.02, 100_000)
    detection_rows(bench, f"the same with {rate / 1000:.0f}k rec/s beside it", took, lost, 1, 5, 2, peer_keys,
                   "the batch in front of it: parse, panes and commit of what came before")


def t7(bench):
    """detect to notify on an interval"""
    keys = 40 if bench.quick else 200
    took, lost, _ = detect(bench, "1s", 'over = "10s", step = "1s"', keys, 0.1)
    detection_rows(bench, "the same, every = 1 s, panes of 1 s", took, lost, None, 2010, None, (100, 20), "interval + pane: the record's pane must close, then the next tick")


def t13(bench):
    """storm of alerts"""
    count, seconds, connections, lost = 5000, [], 0, 0
    for _ in range(bench.runs):
        with Receiver(bench, expect=count, seconds=90) as hook, \
                Engine(bench, bench.pack(packs.detect(hook.port, "arrival", 'over = "10s", step = "1s", read = "open"')), bench.fresh("state")) as engine:
            wire = dial(engine.port)
            send(wire, "keys", [{"ts": int(time.time() * 1000), "key": "calm", "score": 0.1}])
            now = int(time.time() * 1000)
            clock = time.time()
            send(wire, "keys", [{"ts": now, "key": f"k{i}", "score": 0.9} for i in range(count)])
            arrivals = hook.arrivals(60)
        connections = hook.connections
        lost = count - len({key for _, key, _ in arrivals})
        if arrivals:
            seconds.append(arrivals[-1][0] - clock)
        if seconds and seconds[-1] > 5:
            break  # a storm this slow need not be seen again
    peers = [("Alertmanager, a group an alert", bench.beside("Alertmanager storm", alertmanager.storm, count))]
    bench.row(f"{count:,} alerts of one POST, each journaled, each its own webhook", seconds, "s", 0.20, 0.10, less_is_better=True, peers=peers,
              bound="CPU: an evaluation, two rows, a payload, a transfer and a result a webhook",
              note=f"{lost} lost, {connections} connections")


def t14(bench):
    """a runaway script"""
    pack = bench.pack("""
local s = stream "s" { time = "ts", columns = { { "ts", "time" }, { "x", "number" } } }
local n = s:max("x", { over = "10s", step = "1s", read = "open" })
monitor "runaway" { inputs = { n = n }, every = "arrival", when = function() while true do end end }
monitor "others" { value = n, every = "arrival", critical = above(0.5), flapping = false }
""")
    calm = bench.pack("""
local s = stream "s" { time = "ts", columns = { { "ts", "time" }, { "x", "number" } } }
local n = s:max("x", { over = "10s", step = "1s", read = "open" })
monitor "others" { value = n, every = "arrival", critical = above(0.5), flapping = false }
""")
    took, others = {}, True
    for name, folder in (("with", pack), ("without", calm)):
        took[name] = []
        with Engine(bench, folder, bench.fresh("state")) as engine:
            wire = dial(engine.port)
            for _ in range(15):
                took[name].append(send(wire, "s", [{"ts": int(time.time() * 1000), "x": 1.0}]) * 1e3)
            alerts = json.loads(get(engine.port, "/api/v1/alerts"))["data"]["alerts"]
            others = others and any(a["labels"]["alertname"] == "others" and a["state"] == "firing" for a in alerts)
    base = quantile(took["without"], 0.5)
    stopped = took["with"][:3]  # then it is quarantined, and costs nothing
    bench.row("`while true do end` in a `when`: a POST's answer with it less one without", [x - base for x in stopped], "ms", 50, None,
              less_is_better=True, bound="the budget of a call",
              note=("the other monitor fired" if others else "THE OTHER MONITOR DID NOT FIRE") + f"; a POST without it {base:.2f} ms; nothing like it in the peers")


ROWS = {"T6": t6, "T7": t7, "T13": t13, "T14": t14}
