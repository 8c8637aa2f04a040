"""Speed beside peers, ratios from one run: `./dev bench` builds the release binary and calls this.

Every figure is printed with the peer measured in the same run, because machines differ and ratios repeat. Nothing here
fails on a time; a row that could not be measured says why. Records are predictions of ten fields and a small object.

  T1   HTTP POST of 64 KB NDJSON bodies to `tidewatch run`, 10 metrics over 4 label columns
  T5   monitor evaluations a second, taken from the T10 run
  T10  backtest of 1,000 monitors over one day of minutes, 864,000 records
  T11  replay of an NDJSON file through `tidewatch backtest`, beside pandas.read_json
"""
import argparse, http.client, json, os, random, shutil, statistics, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser()
parser.add_argument("--binary", required=True)
parser.add_argument("--records", type=int, default=400_000, help="records of T1 and T11")
parser.add_argument("--monitors", type=int, default=1_000)
parser.add_argument("--runs", type=int, default=3, help="repetitions of the short measurements")
parser.add_argument("--only", default="", help="for example T1,T11")
parser.add_argument("--json", action="store_true", help="the rows as JSON lines instead of the table")
arguments = parser.parse_args()
binary = os.path.abspath(arguments.binary)
started = time.monotonic()
budget = 170.0  # seconds, all in
table = []


def say(text):
    print(text, file=sys.stderr, flush=True)


def left():
    return max(5.0, budget - (time.monotonic() - started))


def row(number, quantity, ours, unit, must, peer=None, peer_name="", note=""):
    """ours and peer: lists of measurements, in `unit`; empty when not measured."""
    table.append(dict(number=number, quantity=quantity, ours=ours, unit=unit, must=must, peer=peer or [], peer_name=peer_name, note=note))


def wanted(number):
    return not arguments.only or number in arguments.only.split(",")


def write_records(path, count, seed=7, span_seconds=None):
    """NDJSON predictions of about 233 bytes; event time moves 10 ms a record, or evenly over span_seconds."""
    rng = random.Random(seed)
    models = ["credit_risk", "churn", "fraud", "vix_forecast", "price"]
    regions, segments = ["us-east", "us-west", "eu-west", "ap-south"], ["new", "returning", "vip"]
    step = span_seconds * 1000 / count if span_seconds else 10
    with open(path, "w") as out:
        lines = []
        for i in range(count):
            p = min(1.0, max(0.0, rng.betavariate(2, 5)))
            label = "null" if rng.random() < 0.1 else ("1" if rng.random() < p else "0")
            amount = "null" if rng.random() < 0.03 else f"{rng.lognormvariate(5, 1):.2f}"
            lines.append(
                f'{{"ts":{1767225600000 + int(i * step)},"id":"{rng.getrandbits(64):016x}","model":"{models[rng.randrange(5)]}",'
                f'"version":"2.{rng.randrange(3)}.{rng.randrange(10)}","region":"{regions[rng.randrange(4)]}",'
                f'"segment":"{segments[rng.randrange(3)]}","pred":{p:.6f},"label":{label},'
                f'"latency_ms":{rng.lognormvariate(2.2, 0.6):.3f},"status":{200 if rng.random() < 0.995 else 500},'
                f'"features":{{"amount":{amount},"age":{rng.randrange(18, 90)},"ratio":{rng.gauss(0, 1):.5f}}}}}\n')
            if len(lines) == 20_000:
                out.write("".join(lines))
                lines = []
        out.write("".join(lines))


STREAM = """
local p = stream "predictions" {
  time = "ts",
  columns = {
    { "ts", "time" }, { "id", "string" }, { "model", "category" }, { "version", "category" }, { "region", "category" },
    { "segment", "category" }, { "pred", "number" }, { "label", "integer?" }, { "latency_ms", "number" },
    { "status", "integer" },
  },
}
"""
# Ten metrics over four label columns: 5 models x 30 versions x 4 regions x 3 segments = 1,800 label sets.
TEN_METRICS = STREAM + """
local by = { "model", "version", "region", "segment" }
local function watch(name, value)
  monitor(name) { value = value, warning = above(1e300), every = "10m", on_no_data = "ok" }
end
local w = { over = "5m", by = by }
watch("n", p:count(w))
watch("mean", p:mean("latency_ms", w))
watch("deviation", p:standard_deviation("latency_ms", w))
watch("least", p:min("latency_ms", w))
watch("most", p:max("latency_ms", w))
watch("p95", p:p95("latency_ms", w))
watch("nulls", p:null_rate("label", w))
watch("errors", p:share("status >= 500", w))
watch("score", p:mean("pred", w))
watch("brier", p:brier("pred", "label", w))
"""


def write_pack(folder, text):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "pack.lua"), "w") as out:
        out.write(text)
    checked = subprocess.run([binary, "check", folder], capture_output=True, text=True, timeout=30)
    if checked.returncode != 0:
        raise RuntimeError("the pack does not load: " + (checked.stdout + checked.stderr).strip()[:600])


def backtest(pack, path):
    """Seconds of wall and CPU time, and the JSON result."""
    before, clock = os.times(), time.monotonic()
    ran = subprocess.run([binary, "backtest", pack, "--data", f"predictions={path}", "--json"], capture_output=True, text=True,
                         timeout=left())
    wall, after = time.monotonic() - clock, os.times()
    if ran.returncode != 0:
        raise RuntimeError((ran.stderr or ran.stdout).strip()[-400:])
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, json.loads(ran.stdout)


def replay(folder, path):
    pack = os.path.join(folder, "ten")
    write_pack(pack, TEN_METRICS)
    say(f"T11: replay of {arguments.records:,} records")
    ours = []
    for _ in range(arguments.runs):
        if left() < 20:
            break
        wall, _, _ = backtest(pack, path)
        ours.append(arguments.records / wall / 1e6)
    peer = []
    code = ("import sys,time,pandas\nt=time.monotonic()\nn=len(pandas.read_json(sys.argv[1],lines=True))\n"
            "print(n/(time.monotonic()-t)/1e6)")
    try:
        for _ in range(min(2, arguments.runs)):
            peer.append(float(subprocess.run(["/usr/bin/python3", "-c", code, path], capture_output=True, text=True, check=True,
                                             timeout=left()).stdout))
        note = ""
    except (subprocess.SubprocessError, ValueError, OSError):
        note = "pandas is not there"
    row("T11", f"replay of NDJSON history, {arguments.records:,} records, 10 metrics x 1,800 label sets read every 10 min of event time", ours, "M rec/s", 1.5, peer,
        "pandas.read_json (reads only)", note)


def day_of_minutes(folder):
    """1,000 monitors of their own: 100 values of a label, ten metrics each, every minute of one day."""
    count, minutes = arguments.monitors, 1440
    names = ['p:count(w)', 'p:mean("x", w)', 'p:max("x", w)', 'p:min("x", w)', 'p:sum("x", w)', 'p:standard_deviation("x", w)',
             'p:p95("x", w)', 'p:null_rate("x", w)', 'p:share("x > 2", w)', 'p:p50("x", w)']
    groups = max(1, count // len(names))
    text = ['local p = stream "predictions" { time = "ts", columns = { { "ts", "time" }, { "model", "category" }, { "x", "number?" } } }',
            f"for g = 0, {groups - 1} do", '  local w = { over = "5m", where = ("model == \\"m%d\\""):format(g) }']
    for i, metric in enumerate(names):
        text.append(f'  monitor(("m%d-{i}"):format(g)) {{ value = {metric}, critical = above(1e9):lasting("5m"), every = "1m", on_no_data = "ok" }}')
    text.append("end")
    pack = os.path.join(folder, "thousand")
    write_pack(pack, "\n".join(text) + "\n")
    path = os.path.join(folder, "day.ndjson")
    rng, records = random.Random(11), 864_000
    with open(path, "w") as out:
        for minute in range(minutes):
            lines = []
            for i in range(records // minutes):
                ts = 1767225600000 + minute * 60000 + i * 100
                x = "null" if rng.random() < 0.01 else f"{rng.gauss(1, 1):.4f}"
                lines.append(f'{{"ts":{ts},"model":"m{rng.randrange(groups)}","x":{x}}}\n')
            out.write("".join(lines))
    say(f"T10: {groups * len(names):,} monitors, one day of minutes, {records:,} records")
    wall, cpu, result = backtest(pack, path)
    evaluations = result.get("evaluations", groups * len(names) * minutes)
    run_seconds = result.get("seconds", wall)
    peer, note = [], "promtool is not installed"
    if shutil.which("promtool") and left() > 15:
        note = ""
        try:
            peer.append(promtool_days(folder, groups * len(names)))
        except (subprocess.SubprocessError, RuntimeError) as error:
            note = "not measured: promtool " + str(error)[:120]
    row("T10", f"backtest, {groups * len(names):,} monitors x 1 day of minutes, {records:,} records", [1 / wall], "days/s", 1.5, peer,
        "promtool test rules (no records)", note)
    rate = evaluations / max(run_seconds, 1e-9) / 1e6
    per_rule = [p * groups * len(names) * minutes / 1e6 for p in peer]
    row("T5", f"evaluations of that run, records included ({evaluations:,} in {run_seconds:.2f} s)", [rate], "M evals/s", 1.0,
        per_rule, "promtool test rules")


def promtool_days(folder, rules):
    """Days a second of `promtool test rules`, one hour of as many rules with one constant series each."""
    at = os.path.join(folder, "promtool")
    os.makedirs(at)
    with open(os.path.join(at, "rules.yml"), "w") as out:
        out.write("groups:\n- name: g\n  interval: 1m\n  rules:\n")
        for i in range(rules):
            out.write(f'  - alert: A{i}\n    expr: psi{{model="m{i}"}} > 0.3\n    for: 5m\n')
    with open(os.path.join(at, "test.yml"), "w") as out:
        out.write("rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n")
        for i in range(rules):
            out.write(f"  - series: 'psi{{model=\"m{i}\"}}'\n    values: '0.1+0x60'\n")
        out.write("  alert_rule_test:\n  - eval_time: 59m\n    alertname: A0\n    exp_alerts: []\n")
    clock = time.monotonic()
    ran = subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=at, capture_output=True, text=True, timeout=min(40, left()))
    if ran.returncode != 0:
        raise RuntimeError((ran.stderr or ran.stdout).strip()[-200:])
    return (1 / 24) / (time.monotonic() - clock)


def post(folder, path):
    """Bodies of 64 KB over one keep-alive connection, the server's CPU time beside the wall time."""
    say("T1: HTTP POST of 64 KB bodies")
    bodies, counts, body, size, n = [], [], [], 0, 0
    with open(path, "rb") as lines:
        for line in lines:
            body.append(line)
            size += len(line)
            n += 1
            if size >= 65_000:
                bodies.append(b"".join(body))
                counts.append(n)
                body, size, n = [], 0, 0
    pack = os.path.join(folder, "ten")
    if not os.path.exists(pack):
        write_pack(pack, TEN_METRICS)
    log = open(os.path.join(folder, "run.log"), "w+")
    server = subprocess.Popen([binary, "run", pack, "--state", os.path.join(folder, "state"), "--listen", "127.0.0.1:0"],
                              stdout=log, stderr=log)
    try:
        port = None
        for _ in range(100):
            time.sleep(0.05)
            log.seek(0)
            text = log.read()
            for word in text.split():
                if word.startswith("http://127.0.0.1:"):
                    port = int(word[len("http://127.0.0.1:"):].split("/")[0])
            if port or server.poll() is not None:
                break
        if not port:
            raise RuntimeError("`tidewatch run` did not start: " + " ".join(text.split())[:200])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        sent, refused, clock, until = 0, "", time.monotonic(), time.monotonic() + min(20, left() - 5)
        for body, n in zip(bodies, counts):
            connection.request("POST", "/api/v1/records/predictions", body=body, headers={"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            answered = answer.read()
            if answer.status // 100 != 2:
                refused = f"HTTP {answer.status}: {answered[:120]!r}"
                break
            sent += n
            if time.monotonic() > until:
                break
        wall = time.monotonic() - clock
        with open(f"/proc/{server.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        if refused:
            raise RuntimeError(refused)
        row("T1", f"HTTP POST of 64 KB NDJSON, 10 metrics x 4 label columns, journaled; {sent:,} records", [sent / wall / 1e6], "M rec/s",
            1.0, note=f"server CPU {cpu:.2f} s = {sent / max(cpu, 1e-9) / 1e6:.2f} M rec/s a core")
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


def spread(values):
    if not values:
        return "not measured"
    middle = statistics.median(values)
    digits = 3 if middle < 0.1 else 2
    text = f"{middle:.{digits}f}"
    return text if len(values) == 1 else f"{text} [{min(values):.{digits}f}-{max(values):.{digits}f}]"


def attempt(number, quantity, measure, *inputs):
    if not wanted(number):
        return
    if left() <= 10:
        row(number, quantity, [], "", 0, note="not measured: out of time")
        return
    try:
        measure(*inputs)
    except (RuntimeError, OSError, subprocess.SubprocessError, http.client.HTTPException, ValueError) as error:
        row(number, quantity, [], "", 0, note="not measured: " + str(error)[:300])


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "records.ndjson")
    if wanted("T1") or wanted("T11"):
        say(f"writing {arguments.records:,} records")
        write_records(path, arguments.records)
    attempt("T11", "replay of NDJSON history", replay, folder, path)
    attempt("T10", "backtest of 1,000 monitors", day_of_minutes, folder)
    attempt("T1", "HTTP POST of 64 KB NDJSON", post, folder, path)

if arguments.json:
    for one in table:
        print(json.dumps(one))
else:
    print(f"{'':4} {'median [range]':>26}  {'unit':10} {'target':>7} {'of it':>6}  {'peer':>8} {'ratio':>7}")
    for one in table:
        ours = statistics.median(one["ours"]) if one["ours"] else None
        peer = statistics.median(one["peer"]) if one["peer"] else None
        share = f"{ours / one['must']:.2f}" if ours is not None and one["must"] else "-"
        beside = f"{peer:.3f}" if peer is not None else "-"
        ratio = f"{ours / peer:.1f}x" if ours is not None and peer else "-"
        target = f"{one['must']:g}" if one["must"] else "-"
        print(f"{one['number']:4} {spread(one['ours']):>26}  {one['unit']:10} {target:>7} {share:>6}  {beside:>8} {ratio:>7}")
        print(f"     {one['quantity']}" + (f"; peer: {one['peer_name']}" if one["peer_name"] else "") + (f"; {one['note']}" if one["note"] else ""))
print(f"took {time.monotonic() - started:.0f} s", file=sys.stderr)
