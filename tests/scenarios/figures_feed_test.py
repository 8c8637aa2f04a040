"""The publishes of a daily feed: its silences, how many business days it was behind, late deliveries, changed
headers."""
import datetime
import gzip

from figures import Backtest, Figures, root


def instant(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def hours(before, after):
    return (instant(after) - instant(before)).total_seconds() / 3600


def day(number):
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=number)).isoformat()


figures = Figures("feed")
file = {"feed": figures.data / "feed/vix_feed_log.csv.gz"}
pack = root / "tests/packs/feed-figures"
back = Backtest(pack, file, ["publishes", "behind", "delivery", "newest-day", "delivered"],
                **{"from": "2024-01-01"}, to="2025-07-03")
publishes = [row[0] for row in back["newest-day"].ok()]
newest = {row[0]: day(row[1]) for row in back["newest-day"].ok()}
figures.same("publishes", back["publishes"].rows[-1][1])

# A silence alert says that it was silent; the publishes on both sides say how long, to the second.
for path, name, limit in (("gap_gt_26h", "silent-26h", 26), ("gap_gt_74h", "silent-74h", 74)):
    spans = [span for span in back[name].spans if span["to"] and span["from"] < publishes[-1]]
    if limit == 26:
        figures.same(path, len(spans))
        continue
    for i, span in enumerate(spans):
        ended = next(p for p in publishes if p > span["from"])
        figures.same(f"{path}/{i}", [ended, hours(publishes[publishes.index(ended) - 1], ended)], digits=3)
    longest = max(range(1, len(publishes)), key=lambda i: hours(publishes[i - 1], publishes[i]))
    figures.same("gap_h", {"max": hours(publishes[longest - 1], publishes[longest]), "max_at": publishes[longest]})

# How far behind the file was when the next publish came: the last hourly reading before it.
behind, rows, at = [], back["behind"].rows, 0
for before, publish in zip(publishes, publishes[1:]):
    while at + 1 < len(rows) and rows[at + 1][0] < publish:
        at += 1
    behind.append([publish, newest[before], rows[at][1]])
for days in (1, 2, 3):
    figures.same(f"stale_before_publish_bdays/{days}", sum(b[2] == days for b in behind))
more = [b for b in behind if b[2] > 1]
figures.same("stale_gt_1bday_first_last", more[:3] + more[-3:])
figures.same("stale_gt_2bday", [b for b in behind if b[2] > 2])

# A day that was the newest of a publish was delivered by it: hours after 21:00 UTC of that day.
late = [[newest[row[0]], row[1]] for row in back["delivery"].ok() if row[0] in newest and row[1] > 24]
late = [b for a, b in zip([None] + late, late) if a != b]
figures.same("job/late_days", late[:60], digits=2)

# Only four weekdays were not due; the runs of the others are those of the stated calendar.
with gzip.open(figures.data / "feed/trading_days.csv.gz", "rt") as lines:
    due = {line.strip() for line in lines} - {"date"}
# A run's day is over two midnights later; what then is answered more than a day before was answered by that run.
answered = {row[0][:10]: round(row[1] * row[2]) for row in back["delivered"].rows if row[1] is not None}


def after(date, days):
    return (datetime.date.fromisoformat(date) + datetime.timedelta(days=days)).isoformat()


judged = [answered[after(d, 2)] - answered.get(after(d, 1), 0) for d in sorted(due) if d < "2025-06-30"]
assert sum(judged) == max(answered.values()), "a day that was not due was answered"
figures.same("job/trading_days", len(judged))
figures.same("job/delivered_within_24h_of_21utc", sum(judged))
figures.same("job/success_rate_pct", 100 * sum(judged) / len(judged))
figures.same("job/n_late", judged.count(0))

ever = Backtest(pack, file, ["header"], **{"from": "2013-01-01"}, to="2025-07-01")["header"]
header = {row[0]: row[1] for row in ever.rows}
times = list(header)
changes = [span["from"] for span in ever.spans]
figures.same("header_changes", [[at, header[times[times.index(at) - 1]], header[at]] for at in changes])

figures.no_metric("quantiles of the time between rows: no metric has it", "gap_h/p50", "gap_h/p95")
figures.no_metric("how long a run took: job_success says only whether it was in time", "job/delivery_h")
figures.finish()
