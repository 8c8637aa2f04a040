"""A threshold that knows how much data there is, on real data through a whole backtest: twenty days of VIX against two
calm years. Neighbouring days resemble each other, so windows of twenty stray 2.468 times further than independent rows
would, and the 0.3 a rule asked for becomes 3.577 (1.449 without that). The figures are of numpy and scipy, worked out
apart; the engine's own state gives the same in statistics_oracle_test.py."""
import json

from figures import data_folder, root, run

data = data_folder()  # leaves, and says so, when there is none
answer = json.loads(run("backtest", str(root / "tests/packs/market-threshold"), "--json", "--values", "asked",
                        "--data", f"market={data / 'market/market_daily.csv.gz'}", "--to", "2008-01-30T12:00"))
monitors = {m["monitor"]: m for m in answer["monitors"]}
asked, carried = monitors["asked"], monitors["carried"]

threshold, = carried["thresholds"]
assert threshold["asked"] == 0.3 and threshold["false_alarms"] == "1 per 2408 days", threshold
assert "inflation_is" not in threshold, "two years have 25 windows of twenty rows: measured, not assumed"
for what, got, want, margin in (("alpha", threshold["alpha"], 0.001, 1e-7),
                                ("inflation", threshold["inflation"], 2.468, 5e-4),
                                ("in force", threshold["in_force"], 3.577, 5e-4),
                                ("without inflation", threshold["in_force"] / threshold["inflation"], 1.449, 5e-4)):
    assert abs(got - want) <= margin, f"{what}: expected {want}, got {got}"
assert threshold["note"] == ("20 rows cannot carry a threshold of 0.3: chance alone goes beyond it, so 3.577 is in force; "
                             "about 421 rows a window would carry it"), threshold["note"]

# What it is for: PSI of twenty days is beyond 0.3 in nearly every month, so the plain rule is true for years on end.
last = asked["evaluated"][-1]
assert last[0].startswith("2008-01-30") and last[2] == 20 and last[3] == "ok", last
judged = [row for row in asked["evaluated"] if "2006" <= row[0][:4] <= "2007" and row[3] == "ok"]
beyond = sum(row[1] > 0.3 for row in judged)
assert len(judged) > 400 and beyond > 0.9 * len(judged), (beyond, len(judged))
assert max(row[1] for row in judged) < threshold["in_force"] and not carried["severity_spans"], carried
print(f"market threshold: inflation {threshold['inflation']:.4f}, 0.3 asked, {threshold['in_force']:.4f} in force; in "
      f"2006 and 2007 {beyond} of {len(judged)} evaluations were beyond 0.3, none beyond that")
