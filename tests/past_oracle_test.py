"""Drift against a past that moves, as packs say it, beside numpy and scipy: trailing and seasonal, of a stream, of pairs
and of a whole table. A pack is run over made-up rows by `tidewatch backtest`; each evaluation is recounted from the rows
alone, slots and the window their bins were cut at by local time. The seed is printed."""
import argparse
import bisect
import csv
import datetime
import functools
import json
import pathlib
import subprocess
import tempfile
import zoneinfo

import numpy as np
from scipy import stats

parser = argparse.ArgumentParser()
parser.add_argument("--binary", required=True)
parser.add_argument("--build")
parser.add_argument("--seed", type=int, default=20261121)
arguments = parser.parse_args()
random = np.random.default_rng(arguments.seed)
print("seed", arguments.seed)

HOUR, DAY = 3600, 86400
STEP, OVER = HOUR, 2 * HOUR
zone = zoneinfo.ZoneInfo("America/New_York")
begin = int(datetime.datetime(2026, 2, 20, 5, tzinfo=datetime.timezone.utc).timestamp())  # midnight there
end = begin + 26 * DAY  # the clock is set forward on 2026-03-08

PACK = """
local api = stream "api" {
  time = "ts", zone = "America/New_York", columns = { ts = "time", ms = "number?", page = "category" },
}
local scores = stream "scores" { time = "ts", key = "id", zone = "America/New_York", columns = { id = "string", ts = "time", score = "number" } }
local labels = stream "labels" { time = "ts", key = "id", columns = { id = "string", ts = "time", y = "number" } }
local judged = scores:join(labels, { on = "id", within = "6h", coverage = 1 })
judged:derive { miss = "y - score" }

local before = trailing("2 days", { gap = "3h", rebin = "4 days" })
local same_hour = seasonal("1 day", { periods = 6, rebin = "3 days" })
local function watch(name, value) monitor(name) { value = value, every = "1h", info = above(1e9) } end

for name, past in pairs { before = before, hour = same_hour } do
  local function options() return { over = "2h", step = "1h", min_n = 1, against = past } end
  for _, metric in ipairs { "psi", "kl", "js", "hellinger", "ks", "wasserstein" } do
    watch(metric .. "-" .. name, api[metric](api, "ms", options()))
  end
  watch("pages-" .. name, api:psi("page", options()))
  watch("miss-" .. name, judged:psi("miss", options()))
  watch("gap-" .. name, judged:wasserstein("score", options()))
  local table = options()
  table.columns = { "ms", "page" }
  watch("columns-" .. name, api:drifted_columns(table))
end
"""


def made_up():
    """ms by the local hour, other in the last week; pages; pairs whose label comes one to five hours later."""
    api, pairs = [], []
    for at in range(begin + 90, end, 120):  # drifted_columns tests a column of fifty rows or more
        hour = datetime.datetime.fromtimestamp(at, zone).hour
        ms = 100 + 60 * np.sin(hour / 24 * 2 * np.pi) + random.normal(0, 12) + (25 if at > end - 6 * DAY else 0)
        page = "/cart" if random.random() < (.5 if at > end - 3 * DAY else .3) else "/"
        api.append((at, None if random.random() < .03 else round(float(ms), 6), page))
    for at in range(begin + 100, end, 300):
        miss = random.normal(2 if at > end - 5 * DAY else 0, 3)
        score = round(float(random.normal(50, 10)), 6)
        pairs.append((at, score, round(score + float(miss), 6), at + int(random.integers(HOUR, 5 * HOUR))))
    return api, pairs


def text_of(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Rows(list):
    """(time, value), oldest first."""

    def __init__(self, rows):
        super().__init__(rows)
        self.at = [t for t, _ in rows]


class Past:
    """Which spans a window beginning at `at` is compared with, and as of which beginning its bins were cut."""

    def __init__(self, kind, first):
        self.kind, self.first = kind, first - first % STEP

    def spans(self, at):
        if self.kind == "before":
            return [(at - 3 * HOUR - 2 * DAY, at - 3 * HOUR)]
        return [(self.earlier(at, k), self.earlier(at, k) + OVER) for k in range(1, 7)]

    @staticmethod
    def local(at):
        return datetime.datetime.fromtimestamp(at, zone).replace(tzinfo=None)

    def earlier(self, at, periods):
        # The same local time; an hour the clock skipped is the one before it.
        def offset(t):
            return int((self.local(t) - datetime.datetime.fromtimestamp(t, datetime.timezone.utc).replace(tzinfo=None))
                       .total_seconds())
        plain = at - periods * DAY
        return plain + offset(at) - offset(plain + offset(at) - offset(plain))

    def cut(self, at):
        if self.kind == "before":
            first = self.first + 2 * DAY + 3 * HOUR
            return None if at < first else first + (at - first) // (4 * DAY) * 4 * DAY
        since = (self.local(at) - self.local(self.first)) // datetime.timedelta(days=1)
        return None if since < 4 else self.earlier(at, (since - 4) % 3)


def quantile(values, k, parts):
    """The k-th of `parts` linear quantiles, its place counted in whole numbers: 0.3 is none in binary."""
    place, rest = divmod(k * (len(values) - 1), parts)
    return values[place] + (values[place + 1] - values[place]) * (rest / parts) if rest else values[place]


def counts(values, cut, is_text):
    if is_text:
        kept = sorted(set(cut))
        return [sum(v == k for v in values) for k in kept] + [sum(v not in kept for v in values)]
    asked = max(1, min(10, len(cut) // 10))
    edges = np.unique([quantile(sorted(cut), k, asked) for k in range(1, asked)])
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def distance(metric, current, reference, cut, is_text=False):
    if metric == "ks":
        return stats.ks_2samp(current, reference).statistic, None
    if metric == "wasserstein":
        return stats.wasserstein_distance(current, reference), None
    q, p = (np.array(counts(v, cut, is_text), float) for v in (current, reference))
    used = q + p > 0
    q, p = ((x[used] + .5) / (x[used].sum() + .5 * used.sum()) for x in (q, p))
    if metric == "kl":
        return float((q * np.log(q / p)).sum()), None
    if metric == "js":
        m = (p + q) / 2
        return float(np.sqrt((p * np.log2(p / m) + q * np.log2(q / m)).sum() / 2)), None
    if metric == "hellinger":
        return float(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2)), None
    psi = float(((q - p) * np.log(q / p)).sum())
    return psi, stats.chi2.sf(psi / (1 / len(current) + 1 / len(reference)), len(p) - 1)


def within(rows, spans):
    place = functools.partial(bisect.bisect_left, rows.at)
    return [v for a, b in spans for _, v in rows[place(a):place(b)] if v is not None]


def expected(metric, rows, past, at, is_text=False):
    cut = past.cut(at)
    if cut is None:
        return None
    return distance(metric, within(rows, [(at, at + OVER)]), within(rows, past.spans(at)), within(rows, past.spans(cut)),
                    is_text)


api, pairs = made_up()
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    (folder / "past").mkdir()
    (folder / "past/pack.lua").write_text(PACK)

    def write(name, header, rows):
        with open(folder / f"{name}.csv", "w", newline="") as file:
            csv.writer(file).writerows([header] + rows)
        return f"{name}={folder / name}.csv"

    labels = sorted((label_at, f"i{at}", y) for at, _, y, label_at in pairs)
    data = [write("api", ["ts", "ms", "page"], [[text_of(a), "" if m is None else m, p] for a, m, p in api]),
            write("scores", ["ts", "id", "score"], [[text_of(a), f"i{a}", s] for a, s, _, _ in pairs]),
            write("labels", ["ts", "id", "y"], [[text_of(a), i, y] for a, i, y in labels])]
    names = [f"{m}-{past}" for past in ("before", "hour") for m in
             ("psi", "kl", "js", "hellinger", "ks", "wasserstein", "pages", "miss", "gap", "columns")]
    command = [arguments.binary, "backtest", str(folder / "past"), "--json"]
    for one in data:
        command += ["--data", one]
    for name in names:
        command += ["--values", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)

columns = {"ms": Rows([(a, m) for a, m, _ in api]), "page": Rows([(a, p) for a, _, p in api]),
           "miss": Rows([(a, y - s) for a, s, y, _ in pairs]), "score": Rows([(a, s) for a, s, _, _ in pairs])}
source = {"pages": ("psi", "page"), "miss": ("psi", "miss"), "gap": ("wasserstein", "score")}
times = {"api": [a for a, _, _ in api], "scores": [a for a, _, _, _ in pairs]}
compared, drifted, faults = {}, 0, []
for monitor in answer["monitors"]:
    name, kind = monitor["monitor"].rsplit("-", 1)
    metric, column = source.get(name, (name, "ms"))
    rows = columns[column]
    past = Past(kind, rows[0][0])
    if name == "columns":
        past = Past(kind, begin + 90)
    known = {}  # what the recount gives for each window, by its rows: windows of pairs wait for their labels
    for instant, value, n, status, *_ in monitor["evaluated"]:
        if status != "ok" or instant >= text_of(end):
            continue
        at = int(datetime.datetime.fromisoformat(instant.replace("Z", "+00:00")).timestamp())
        arrived = times["scores" if name in ("miss", "gap") else "api"]
        newest = arrived[bisect.bisect_right(arrived, at) - 1]
        last = newest - newest % STEP
        is_right = False
        # A row stamped after the hour may have come in one piece with those before it. Pairs: the newest window all of
        # whose labels had come by then; a label comes within five hours.
        for to in range(last + STEP, last - (9 * HOUR if name in ("miss", "gap") else 1), -STEP):
            begins = to - OVER
            if begins not in known:
                if name == "columns":
                    both = [expected("psi", columns[c], past, begins, c == "page") for c in ("ms", "page")]
                    if both[0] is None:
                        known[begins] = None
                    else:
                        low, high = sorted(p for _, p in both)
                        known[begins] = 1 if high <= .05 else .5 if low <= .025 else 0
                else:
                    got = expected(metric, rows, past, begins, column == "page")
                    known[begins] = got and got[0]
            want = known[begins]
            if want is not None and abs(value - want) <= 1e-9 * max(1, abs(want)):
                is_right = True
                drifted += name == "columns" and want > 0
                break
        compared[name] = compared.get(name, 0) + 1
        if not is_right:
            faults.append(f"{monitor['monitor']} at {instant}: {value!r}, expected {known.get(last - OVER)!r}")
for line in faults[::max(1, len(faults) // 20)]:
    print("  differs:", line)
print(f"{sum(compared.values())} values of {len(compared)} metrics, {drifted} tables drifted, {len(faults)} differ")
assert not faults and min(compared.values()) > 500 and len(compared) == 10 and drifted > 50, compared
