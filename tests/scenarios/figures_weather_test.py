"""Three weather stations for half a year: nulls overall, by station and by day, and the hours that are missing."""
import datetime

from figures import Backtest, Figures, root

figures = Figures("weather")
expected = figures.expected
stations = ("EWR", "JFK", "LGA")
names = [f"nulls-{c}" for c in expected["null_pct"]] + [f"nulls-of-{c}" for c in expected["null_pct_by_origin"]["EWR"]]
names += ["pressure-day", "hours"]
back = Backtest(root / "tests/packs/weather-figures", {"weather": figures.data / "weather/nyc_weather_hourly.csv.gz"},
                names, to="2013-07-04")
end = "2013-07-02T00:00:00Z"
figures.same("rows", back["nulls-temp"].at(end)[2])
figures.same("null_pct", {c: 100 * back[f"nulls-{c}"].value(end) for c in expected["null_pct"]})
for station in stations:
    for column in expected["null_pct_by_origin"][station]:
        grouped = back.group(f"nulls-of-{column}", "origin")
        figures.same(f"null_pct_by_origin/{station}/{column}", 100 * grouped[station].value(end))

days = [((datetime.date.fromisoformat(row[0][:10]) - datetime.timedelta(days=1)).isoformat(), 100 * row[1])
        for row in back["pressure-day"].ok()]
figures.same("pressure_null_gt_5pct_days", [sum(share > 5 for _, share in days), len(days)])
stated = [day for day, _ in expected["worst_days"]]
worst = sorted(days, key=lambda d: -d[1])[:4]
assert worst[0][1] == worst[1][1], "the first two days tie: their order is free"
figures.same("worst_days", sorted(worst, key=lambda d: stated.index(d[0]) if d[0] in stated else 9))

for station, counted in back.group("hours", "origin").items():
    missing, gaps = 0, []
    began = next(i for i, row in enumerate(counted.rows) if row[1] == 1)
    for row in counted.rows[began:]:
        if row[1] == 1:
            if missing:
                ended = datetime.datetime.strptime(row[0], "%Y-%m-%dT%H:%M:%SZ") - datetime.timedelta(hours=1)
                gaps.append((missing + 1, f"{ended:%Y-%m-%d %H:%M:%S}+00:00"))
            missing = 0
        else:
            missing += 1
    longest = max(hours for hours, _ in gaps)
    figures.same(f"gaps/{station}", {"gaps_gt_1h": len(gaps), "max_h": longest,
                                     "max_end": next(at for hours, at in gaps if hours == longest)})
figures.finish()
