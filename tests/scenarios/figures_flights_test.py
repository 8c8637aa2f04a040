"""Two weeks of flight delays: exact quantiles of a heavy tail by day, mean, ends, and the share above an hour."""
import datetime

from figures import Backtest, Figures, root

figures = Figures("flights")
expected = figures.expected
back = Backtest(root / "tests/packs/flights-figures",
                {"flights": figures.data / "flights/delays_2001_01_08_to_21.csv.gz"},
                ["p50", "p95", "p95-rank", "p99", "mean", "min", "max", "late"], to="2001-01-23")
end = "2001-01-22T00:00:00Z"
figures.same("rows", back["mean"].at(end)[2])
for name in ("mean", "min", "max"):
    figures.same(name, back[name].value(end))
figures.same("gt60_pct", 100 * back["late"].value(end))
for day in expected["by_day"]:
    after = (datetime.date.fromisoformat(day) + datetime.timedelta(days=1)).isoformat()
    figures.same(f"by_day/{day}", {q: back[q].value(after) for q in ("p50", "p95", "p99")})
    figures.same(f"by_day/{day}/p95_nearest_rank", back["p95-rank"].value(after))
    figures.same(f"by_day/{day}/n", back["p95"].at(after)[2])
figures.finish()
