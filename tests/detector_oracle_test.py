"""Detectors and trends through a pack, the real program and a file of records, against numpy and plain second writings of
their formulas: ewma, mad, seasonal, cusum, forecast, time_to on random series with spikes and flat stretches, and the
printed figures of the change detectors. The seed is printed."""
import argparse
import csv
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--binary", required=True)
parser.add_argument("--build")
parser.add_argument("--seed", type=int, default=20261121)
arguments = parser.parse_args()
random = np.random.default_rng(arguments.seed)
start = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
wrong = 0

PACK = """local s = stream "s" { time = "t", columns = { { "t", "time" }, { "v", "number" } } }
local each = s:last("v", { over = "1 rows" })
local function score(name, value)
  monitor(name) { value = value, every = "arrival", info = outside(-1e300, 1e300), on_no_data = "ok" }
end
"""


def scores(values, handles, step=60):
    """A row each `step` seconds; for each named handle what it read after each row: [value or None] by row."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "p").mkdir()
        text = PACK + "".join(f'score("{name}", {handle})\n' for name, handle in handles.items())
        (folder / "p/pack.lua").write_text(text)
        with open(folder / "v.csv", "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["t", "v"])
            for i, v in enumerate(values):
                out.writerow([(start + datetime.timedelta(seconds=step * i)).strftime("%Y-%m-%dT%H:%M:%SZ"), repr(float(v))])
        command = [arguments.binary, "backtest", str(folder / "p"), "--json", "--data", f"s={folder / 'v.csv'}"]
        for name in handles:
            command += ["--values", name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        found = {m["monitor"]: m["evaluated"] for m in json.loads(done.stdout)["monitors"]}
    at = {(start + datetime.timedelta(seconds=step * i)).strftime("%Y-%m-%dT%H:%M:%SZ"): i for i in range(len(values))}
    out = {}
    for name in handles:
        out[name] = [None] * len(values)
        for instant, value, n, status in found[name]:
            if instant in at:
                out[name][at[instant]] = value if status == "ok" else None
    return out


def same(name, got, want, tolerance=1e-9):
    global wrong
    for i, (g, w) in enumerate(zip(got, want)):
        if (g is None) != (w is None) or (g is not None and not np.isclose(g, w, rtol=tolerance, atol=1e-9)):
            wrong += 1
            print(f"{name}, value {i}: expected {w}, got {g}")
            return


def spread(value, centre):
    return max(value, 1e-9 * max(1, abs(centre)))


def ewma(x, decay, warm):
    out = [None] * warm
    m, v = np.mean(x[:warm]), np.var(x[:warm])
    for value in x[warm:]:
        out.append((value - m) / spread(np.sqrt(v), m))
        d = value - m
        m, v = m + decay * d, (1 - decay) * (v + decay * d * d)
    return out


def robust(value, before):
    centre = np.median(before)
    mad = np.median(np.abs(before - centre))
    return (value - centre) / spread(1.4826 * mad if mad > 0 else 1.2533 * np.mean(np.abs(before - centre)), centre)


def mad(x, n):
    return [robust(v, x[max(0, i - n):i]) if i >= 4 else None for i, v in enumerate(x)]


def seasonal(x, period, periods):
    slots = [np.array([x[i - k * period] for k in range(1, periods + 1) if i >= k * period]) for i in range(len(x))]
    return [robust(v, slots[i]) if len(slots[i]) >= 4 else None for i, v in enumerate(x)]


def cusum(x, k, h):
    out, m, s, up, down = [None] * 100, np.mean(x[:100]), np.std(x[:100], ddof=1), 0, 0
    for value in x[100:]:
        z = (value - m) / spread(s, m)
        if max(up, down) > h: up = down = 0
        up, down = max(0, up + z - k), max(0, down - z - k)
        out.append(max(up, down))
    return out


def line(x, i, n, step):
    """Slope and height at the end, through the last n values up to the i-th."""
    y = x[max(0, i - n + 1):i + 1]
    if len(y) < 2: return None
    return np.polyfit(step * (np.arange(len(y)) - len(y) + 1.0), y, 1)


def forecast(x, n, ahead, step):
    lines = [line(x, i, n, step) for i in range(len(x))]
    return [None if l is None else l[1] + l[0] * ahead for l in lines]


def time_to(x, n, limit, step):
    out = []
    for i in range(len(x)):
        l = line(x, i, n, step)
        until = None if l is None or l[0] == 0 else (limit - l[1]) / l[0]
        out.append(until if until is not None and until >= 0 else None)
    return out


def series(n):
    x = random.normal(random.uniform(-100, 100), random.uniform(0.1, 20), n)
    x[random.random(n) < 0.01] *= 50
    if random.random() < 0.3: x[n // 2:] += 40
    if random.random() < 0.3: x[n // 3:n // 2] = 7
    return np.round(x, 6)


for round_ in range(6):
    x = series(400)
    decay, warm, n = round(random.uniform(0.001, 0.5), 4), int(random.integers(2, 200)), int(random.integers(5, 60))
    period, periods, k, h = int(random.integers(2, 40)), int(random.integers(4, 12)), round(random.uniform(0, 1), 2), 4.5
    limit = float(np.round(random.normal(0, 200), 3))
    got = scores(x, {
        "ewma": f"each:ewma {{ decay = {decay}, warm = {warm} }}", "mad": f'each:mad {{ over = "{n}m" }}',
        "seasonal": f'each:seasonal {{ period = "{period}m", periods = {periods} }}',
        "cusum": f"each:cusum {{ k = {k}, h = {h} }}", "forecast": f'each:forecast {{ over = "{n}m", ahead = "90m" }}',
        "time_to": f'each:time_to({limit}, {{ over = "{n}m" }})'})
    same("ewma", got["ewma"], ewma(x, decay, warm), 1e-7)
    same("mad", got["mad"], mad(x, n))
    same("seasonal", got["seasonal"], seasonal(x, period, periods))
    same("cusum", got["cusum"], cusum(x, k, h), 1e-8)
    same("forecast", got["forecast"], forecast(x, n, 5400, 60), 1e-7)
    steep = lambda times: [t if t is not None and t < 1e10 else None for t in times]  # others are flat but for rounding
    same("time_to", steep(got["time_to"]), steep(time_to(x, n, limit, 60)), 1e-5)

# river's series: what is printed are the indices of the values at which a change is found.
words = np.random.RandomState(12345)
jump = [float(v) for v in list(words.randint(2, size=1000)) + list(words.randint(8, size=1000))]
handles = {"page_hinkley": 'each:page_hinkley { over = "1m" }', "adwin": 'each:adwin { over = "1m" }',
           "kswin": 'each:kswin { over = "1m" }', "small": 'each:kswin { over = "1m", size = 100, recent = 30 }',
           "all": 'each:adwin { over = "40h" }'}
found = scores(jump, handles)
printed = {"page_hinkley": [1020, 1991], "adwin": [1055, 1087, 1215], "kswin": [1042], "small": [1021]}
for name, indices in printed.items():
    got = [i for i, v in enumerate(found[name]) if v]
    if got != indices: wrong += 1; print(f"{name}: expected changes at {indices}, got {got}")
if found["all"][-1] != 3: wrong += 1; print(f"adwin over 40 hours: expected 3 changes, got {found['all'][-1]}")

# The printed vectors by hand.
vector = scores([10, 11, 9, 10, 10, 10, 12, 10, 30, 10], {"e": "each:ewma { decay = .1, warm = 5 }"})["e"][5:]
same("ewma by hand", vector, [0, 3.333333, -.241825, 25.187681, -.360774], 3e-6)
vector = scores([10, 12, 11, 13, 12, 11, 12, 40], {"m": 'each:mad { over = "7m" }'})["m"][-1:]
same("mad by hand", vector, [18.885741], 1e-7)
vector = scores([10, 12, 13, 17], {"f": 'each:forecast { over = "10m", ahead = "10m" }', "t": 'each:time_to(40, { over = "10m" })'})
same("forecast by hand", vector["f"][-1:] + vector["t"][-1:], [38.3, 646.363636], 1e-8)

print(f"seed {arguments.seed}: {wrong} wrong")
sys.exit(1 if wrong else 0)
