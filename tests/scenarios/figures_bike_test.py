"""A year and a half of hourly rentals and a forecast that goes stale: errors by month, week and seven days, silences,
drift against the training month."""
import datetime

from figures import Backtest, Figures, root


def day_after(day, days=1):
    return (datetime.date.fromisoformat(day) + datetime.timedelta(days=days)).isoformat()


def next_month(month):
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12}-{number % 12 + 1:02}-01"


figures = Figures("bike")
expected = figures.expected
errors, columns = ("mae", "rmse", "r2", "bias"), ("temp", "hum", "windspeed")
names = [f"{e}-{w}" for e in errors for w in ("month", "week")] + ["mae-7-days", "silence", "deviation"]
names += ["cnt-day", "registered-day"]
names += [f"{m}-{c}" for m in ("psi", "kl", "js", "ks", "psi-width", "training") for c in columns]
back = Backtest(root / "tests/packs/bike-figures", {"bike": figures.data / "bike/bike_hourly.csv.gz"}, names,
                to="2012-07-10")
figures.same("rows", back.records - back.rejected)

for month in expected["by_month"]:
    figures.same(f"by_month/{month}", {e: back[f"{e}-month"].value(next_month(month)) for e in errors})
    figures.same(f"by_month/{month}/n", back["mae-month"].at(next_month(month))[2])
r2 = {}
for week in expected["by_week"]:
    figures.same(f"by_week/{week}", {e: back[f"{e}-week"].value(day_after(week, 7)) for e in errors})
    figures.same(f"by_week/{week}/n", back["mae-week"].at(day_after(week, 7))[2])
    r2[week] = back["r2-week"].value(day_after(week, 7))
low = [week for week in r2 if r2[week] < 0.8]
figures.same("weeks_r2_lt_0.8", [len(low), len(r2), low[0]])

# An hourly tick sees a row of its own instant, so the age is above zero exactly at the hours that have none.
silence = [row for row in back["silence"].rows if row[0] < "2012-07-01"]
figures.same("hours_missing_in_span", sum(row[1] > 0 for row in silence))
gaps = []
for before, row, after in zip(silence, silence[1:], silence[2:]):
    if row[1] > 0 and after[1] == 0:
        last = datetime.datetime.strptime(row[0], "%Y-%m-%dT%H:%M:%SZ") - datetime.timedelta(seconds=row[1])
        gaps.append([last.strftime("%Y-%m-%dT%H:%M:%SZ"), after[0], row[1] / 3600 + 1])
figures.same("largest_gaps_h", sorted(gaps, key=lambda g: -g[2])[:4])

# A window that ends one hour later holds the same rows as one that includes the row of its end.
week = back["mae-7-days"]
newest = [row[0] for row in silence if row[1] == 0][-1]
figures.same("mae7d_last", [newest, week.value("2012-07-01T00:00:00Z")])
highest = max((row for row in week.ok() if row[0] <= "2012-07-01T00:00:00Z"), key=lambda row: row[1])
at = datetime.datetime.strptime(highest[0], "%Y-%m-%dT%H:%M:%SZ") - datetime.timedelta(hours=1)
figures.same("mae7d_max", [f"{at:%Y-%m-%d %H:%M:%S}+00:00", highest[1]])

days = {row[0][:10]: row[1] for row in back["cnt-day"].ok()}
least = sorted(days, key=lambda d: days[d])[:5]
figures.same("min_days", [[day_after(d, -1), days[d], back["registered-day"].value(d), back["cnt-day"].at(d)[2]]
                          for d in least])

# Twenty-eight whole days are before it from the 29th day on.
moved = {day_after(row[0][:10], -1): row[1] for row in back["deviation"].ok()}
moved = {day: change for day, change in moved.items() if "2011-01-29" <= day <= "2012-06-30"}
worst = sorted(moved, key=lambda day: moved[day])[:4]
figures.same("kpi_drop", {
    "days_dev_lt_-10pct": sum(c < -0.1 for c in moved.values()),
    "days_absdev_gt_5pct": sum(abs(c) > 0.05 for c in moved.values()), "of": len(moved),
    "worst": [[day, days[day_after(day)], days[day_after(day)] / (1 + moved[day]), 100 * moved[day]] for day in worst]})

for month in expected["drift_vs_jan2011"]:
    for column in columns:
        path, end = f"drift_vs_jan2011/{month}/{column}", next_month(month)
        figures.same(path, {"n_ref": back[f"training-{column}"].at("2011-01-29")[2],
                            "n_cur": back[f"psi-{column}"].at(end)[2], "psi_q10": back[f"psi-{column}"].value(end),
                            "js_q10": back[f"js-{column}"].value(end),
                            "psi_w10": back[f"psi-width-{column}"].value(end),
                            "kl_q10": back[f"kl-{column}"].value(end), "ks": back[f"ks-{column}"].value(end)})

figures.no_metric("Evidently's bins span both samples, which we decided against", "drift_vs_jan2011/*/*/psi_evidently")
figures.finish()
