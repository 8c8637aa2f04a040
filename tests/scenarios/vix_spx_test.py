"""The example pack, whole: its own tests; a backtest that is the same bytes twice; a page that stands alone. Its
figures on real data are in figures_market_test.py."""
import json
import pathlib
import tempfile

from figures import root, run

pack = str(root / "examples/vix-spx")

print(run("check", pack) or "check: clean")
tested = run("test", pack)
print(tested.splitlines()[-1])

with tempfile.TemporaryDirectory() as folder:
    simulate = ["simulate", pack, "--from", "2004-01-01", "--to", "2009-01-01", "--stream", "market", "--stream",
                "predictions", "--fault", "drift@2008-01-01..2008-09-01", "--out"]
    answers = []
    for name in ("a", "b"):
        run(*simulate, f"{folder}/{name}")
        answer = json.loads(run("backtest", pack, "--json", "--values", "drift-vix", "--data",
                                f"market={folder}/{name}/market.ndjson", "--data",
                                f"predictions={folder}/{name}/predictions.ndjson"))
        assert answer.pop("seconds") >= 0
        answers.append(answer)
    assert answers[0] == answers[1], "the same seed gave two different backtests"
    drift = [m for m in answers[0]["monitors"] if m["monitor"] == "drift-vix"][0]
    assert len(drift["severity_spans"]) == 1, drift["severity_spans"]
    assert drift["severity_spans"][0]["from"].startswith("2008"), drift["severity_spans"]
    quiet = [m["monitor"] for m in answers[0]["monitors"] if m["severity_spans"]]
    assert set(quiet) <= {"drift-vix", "vix-high"}, quiet
    html = pathlib.Path(folder, "page.html")
    run("backtest", pack, "--html", str(html), "--data", f"market={folder}/a/market.ndjson")
    text = html.read_text()
    assert "<svg" in text and "http" not in text.replace("http-equiv", ""), "the page is not self-contained"
    both = json.loads(run("backtest", pack, "--compare", pack, "--json", "--data", f"market={folder}/a/market.ndjson"))
    assert all(m["only_pack"] == m["only_other"] == 0 for m in both["monitors"]), both
