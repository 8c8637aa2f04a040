"""Labels that arrive long after their predictions, through `tidewatch backtest`: every window ends at the AUC of the
complete data, and nothing alerts while a window waits for its labels. Once on made-up clicks, and, with TIDEWATCH_DATA
naming a folder that holds credit/sba_loans.csv.gz, on seven months of loans whose outcomes take up to ten years."""
import argparse
import csv
import datetime
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
from bisect import bisect_left, bisect_right

parser = argparse.ArgumentParser()
parser.add_argument("--binary", required=True)
parser.add_argument("--build")
arguments = parser.parse_args()
compared = 0

PACK = """
local predictions = stream "predictions" {{ time = "made", key = "id", columns = {{ id = "string", made = "time", score = "number" }} }}
local outcomes = stream "outcomes" {{ time = "known", key = "id", columns = {{ id = "string", known = "time", outcome = "integer" }} }}
local all = predictions:join(outcomes, {{ on = "id", within = "{within}", coverage = 1 }})
local some = predictions:join(outcomes, {{ on = "id", within = "{within}", coverage = {coverage} }})
local function auc(of) return of:auc("score", "outcome", {{ over = "{over}" }}) end
monitor "final" {{ value = auc(all), every = "{every}", critical = below(0.99) }}
monitor "early" {{ value = auc(some), every = "{every}", critical = below(0.99) }}
monitor "leaks" {{ value = all:leakage {{ columns = "score", actual = "outcome", over = "{over}" }}, every = "{every}", critical = above(0.98) }}
"""


def area(pairs):
    """Ties one half, in whole numbers; None with one class. Held against scikit-learn where that is installed."""
    negatives = sorted(s for s, y in pairs if not y)
    positives = [s for s, y in pairs if y]
    if not negatives or not positives:
        return None
    twice = sum(bisect_left(negatives, s) + bisect_right(negatives, s) for s in positives)
    value = twice / (2 * len(positives) * len(negatives))
    try:
        from sklearn.metrics import roc_auc_score
        theirs = roc_auc_score([y for _, y in pairs], [s for s, _ in pairs])
        assert abs(theirs - value) < 1e-12, (theirs, value)
    except ImportError:
        pass
    return value


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def check(name, predictions, outcomes, within, over, every, coverage, window_of, ends):
    """predictions: (id, made, score); outcomes: (id, known, outcome); times are datetimes."""
    global compared
    with tempfile.TemporaryDirectory() as folder:
        pack = pathlib.Path(folder, "late")
        pack.mkdir()
        pack.joinpath("pack.lua").write_text(
            PACK.format(within=f"{within.days} days", over=over, every=every, coverage=coverage))
        for stream, columns, rows in (("predictions", ("id", "made", "score"), predictions),
                                      ("outcomes", ("id", "known", "outcome"), outcomes)):
            with open(f"{folder}/{stream}.csv", "w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(columns)
                writer.writerows((i, t.isoformat(), v) for i, t, v in sorted(rows, key=lambda r: r[1]))
        done = subprocess.run(
            [arguments.binary, "backtest", str(pack), "--json", "--values", "final", "--values", "early", "--data",
             f"predictions={folder}/predictions.csv", "--data", f"outcomes={folder}/outcomes.csv"],
            capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        answer = json.loads(done.stdout)
    monitors = {m["monitor"]: m for m in answer["monitors"]}

    # The oracle: one label an id here, known within the time given.
    known = {i: (t, y) for i, t, y in outcomes}
    windows = {}
    for i, made, score in predictions:
        label = known.get(i)
        if label and made <= label[0] <= made + within:
            windows.setdefault(window_of(made), []).append((score, label[1]))
    # What was read of each window once its labels had had their time: a value that never changed again.
    seen = {}
    for at, value, n, status in monitors["final"]["evaluated"]:
        if status in ("ok", "insufficient"):
            seen.setdefault((n, value), at)
    assert seen, monitors["final"]["evaluated"][-3:]
    for window, pairs in sorted(windows.items()):
        want = area(pairs)
        if want is None or len(pairs) < 30 or ends(window) + within + datetime.timedelta(days=2) > when(answer["to"]):
            continue
        got = [v for n, v in seen if n == len(pairs) and v is not None and abs(v - want) < 1e-12]
        assert got, f"{name} {window}: expected AUC {want!r} of {len(pairs)} pairs, saw {sorted(seen)}"
        compared += 1

    # An alert fires at an `ok` reading and at no other.
    for monitor in ("final", "early"):
        status_at = {at: status for at, _, _, status in monitors[monitor]["evaluated"]}
        for span in monitors[monitor]["severity_spans"]:
            assert status_at[span["from"]] == "ok", (name, monitor, span, status_at[span["from"]])
            compared += 1
    waited = sum(s == "immature" for *_, s in monitors["early"]["evaluated"])
    assert waited > 0, "no window ever waited for its labels"
    assert monitors["early"]["severity_spans"], "the early monitor never judged anything"
    assert not monitors["leaks"]["severity_spans"], monitors["leaks"]["severity_spans"]
    first = min(s["from"] for s in monitors["early"]["severity_spans"])
    print(f"{name}: {len(windows)} windows, {waited} evaluations waited for labels, first verdict {first}")


random.seed(20261121)
start = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
clicks, purchases = [], []
for number in range(6000):
    made = start + datetime.timedelta(seconds=random.randrange(14 * 86400))
    score = round(random.random(), 3)
    clicks.append((f"c{number}", made, score))
    if random.random() < 0.97:
        delay = datetime.timedelta(seconds=int(random.expovariate(1 / 86400)))
        purchases.append((f"c{number}", made + delay, int(random.random() < score)))
# Time goes on after the last click.
purchases.append(("nobody", start + datetime.timedelta(days=30), 0))
day = datetime.timedelta(days=1)
check("clicks", clicks, purchases, datetime.timedelta(days=4), "calendar day", "1h", 0.8, lambda t: t.date(),
      lambda d: datetime.datetime.combine(d, datetime.time(), datetime.timezone.utc) + day)
assert compared >= 14, compared

data = os.environ.get("TIDEWATCH_DATA")
loans = pathlib.Path(data, "credit/sba_loans.csv.gz") if data else None
if loans is None or not loans.exists():
    print("TIDEWATCH_DATA does not name a folder with credit/sba_loans.csv.gz: the loans were NOT replayed")
    print(f"{compared} comparisons")
    sys.exit(0)

predictions, outcomes = [], []
midnight = lambda text: datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
with gzip.open(loans, "rt", newline="") as file:
    for row in csv.DictReader(file):
        if row["approval_date"] < "2004-06-01" or not row["pd_score"]:
            continue
        predictions.append((row["loan"], midnight(row["approval_date"]), float(row["pd_score"])))
        if row["charged_off"] == "1" and row["charge_off_date"]:
            outcomes.append((row["loan"], midnight(row["charge_off_date"]), 1))
        elif row["charged_off"] == "0" and row["maturity_date"]:
            outcomes.append((row["loan"], midnight(row["maturity_date"]), 0))
before = compared
check("loans", predictions, outcomes, datetime.timedelta(days=3653), "calendar month", "1 day", 0.5,
      lambda t: (t.year, t.month),
      lambda m: datetime.datetime(m[0] + m[1] // 12, m[1] % 12 + 1, 1, tzinfo=datetime.timezone.utc))
assert compared - before >= 7, compared - before
print(f"{compared} comparisons")
