"""The example pack, whole: its own tests; a backtest that is the same bytes twice; and, with TIDEWATCH_DATA naming a
folder of real market data, the figures of its expected.json and of numpy on the same rows."""
import argparse
import csv
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("--binary", required=True)
parser.add_argument("--build")
arguments = parser.parse_args()
root = pathlib.Path(__file__).resolve().parents[2]
pack = str(root / "examples/vix-spx")
figures_pack = str(root / "tests/packs/market-figures")
compared = 0


def run(*command, expect=0):
    done = subprocess.run([arguments.binary, *command], capture_output=True, text=True, timeout=300)
    assert done.returncode == expect, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def close(what, got, want, relative=0.0, absolute=0.0):
    global compared
    compared += 1
    assert got is not None, f"{what}: expected {want}, got no value"
    assert abs(got - want) <= max(absolute, relative * abs(want)), f"{what}: expected {want!r}, got {got!r}"


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

data = os.environ.get("TIDEWATCH_DATA")
if not data:
    print("TIDEWATCH_DATA is not set: the figures on real data were not compared")
    sys.exit(0)

import numpy  # noqa: E402

expected = json.loads(pathlib.Path(data, "expected.json").read_text())["market"]
files = ["--data", f"market={data}/market/market_daily.csv.gz", "--data",
         f"predictions={data}/market/market_predictions.csv.gz"]
answer = json.loads(run("backtest", pack, "--json", "--values", "vix-high", *files))
vix_high = [m for m in answer["monitors"] if m["monitor"] == "vix-high"][0]
days = [v[0][:10] for v in vix_high["evaluated"]]
got = []
for span in vix_high["severity_spans"]:
    last = days[days.index(span["to"][:10]) - 1] if span["to"] else days[-1]
    got.append([span["pending_from"][:10], span["from"][:10], last])
want = [r[:3] for r in expected["vix_above_p90_252d_run5plus"]["all"]]
assert got == want, f"runs above the 90th percentile differ: {[p for p in zip(got, want) if p[0] != p[1]][:5]}"
compared += 3 * len(want)
print(f"{len(got)} runs of VIX above its trailing 90th percentile agree in first, met and last day")

names = [f"{m}-{c}" for m in ("psi", "kl", "js") for c in ("vix_close", "sp500_close")]
names += [f"{m}-vix" for m in ("mae", "rmse", "r2", "bias")] + [f"{m}-up" for m in ("accuracy", "brier", "ece", "auc")]
names += ["psi20", "rmse10", "rmse10-rise"]
flags = [f for n in names for f in ("--values", n)]
answer = json.loads(run("backtest", figures_pack, "--json", "--to", "2017-01-10", *flags, *files))
values = {m["monitor"]: m.get("evaluated", []) for m in answer["monitors"]}
spans = {m["monitor"]: m["severity_spans"] for m in answer["monitors"]}


def of_year(name, year):
    """The value read on the second of January: the closed calendar year before."""
    found = [v[1] for v in values[name] if v[0].startswith(f"{year + 1}-01-02T")]
    assert found, f"{name}: no value for {year}"
    return found[0]


def column(file, name):
    with gzip.open(f"{data}/market/{file}", "rt") as lines:
        return [(r["date"], float(r[name])) for r in csv.DictReader(lines) if r[name] != ""]


for name in ("vix_close", "sp500_close"):
    rows = column("market_daily.csv.gz", name)
    reference = numpy.array([v for d, v in rows if "2004" <= d[:4] <= "2005"])
    edges = numpy.unique(numpy.quantile(reference, numpy.linspace(0, 1, 11)))[1:-1]
    for year in range(1999, 2017):
        current = numpy.array([v for d, v in rows if d[:4] == str(year)])
        p = numpy.bincount(numpy.searchsorted(edges, reference, side="right"), minlength=len(edges) + 1) / len(reference)
        q = numpy.bincount(numpy.searchsorted(edges, current, side="right"), minlength=len(edges) + 1) / len(current)
        p, q = numpy.where(p == 0, 1e-4, p), numpy.where(q == 0, 1e-4, q)
        close(f"psi {name} {year}", of_year(f"psi-{name}", year), float(((q - p) * numpy.log(q / p)).sum()), 1e-9)
        close(f"kl {name} {year}", of_year(f"kl-{name}", year), float((q * numpy.log(q / p)).sum()), 1e-9)
        stated = expected[f"drift_by_year_{name}"][str(year)]
        close(f"psi_q10 {name} {year}", of_year(f"psi-{name}", year), stated["psi_q10"], absolute=6e-7)
        close(f"kl_q10 {name} {year}", of_year(f"kl-{name}", year), stated["kl_q10"], absolute=6e-7)

vix_true, vix_pred = dict(column("market_predictions.csv.gz", "vix_true")), dict(column("market_predictions.csv.gz", "vix_pred"))
for year in range(1999, 2017):
    errors = numpy.array([vix_pred[d] - vix_true[d] for d in vix_true if d[:4] == str(year) and d in vix_pred])
    close(f"rmse {year}", of_year("rmse-vix", year), float(numpy.sqrt((errors ** 2).mean())), 1e-9)
    for metric in ("mae", "rmse", "r2", "bias"):
        close(f"{metric} {year}", of_year(f"{metric}-vix", year), expected["vix_model_by_year"][str(year)][metric], absolute=6e-7)
    for metric, key in (("accuracy", "accuracy"), ("brier", "brier"), ("ece", "ece10"), ("auc", "auc")):
        close(f"{metric} up {year}", of_year(f"{metric}-up", year), expected["up_model_by_year"][str(year)][key], absolute=6e-7)

rmse10 = {v[0][:10]: v[1] for v in values["rmse10"] if v[3] == "ok"}
rise = {v[0][:10]: v[1] for v in values["rmse10-rise"] if v[3] == "ok"}
stated = expected["rmse10_gt_1.2_base"]
close("baseline rmse", next(rmse10[d] / (1 + rise[d]) for d in rmse10), expected["baseline_rmse_vix_2004_2005"], absolute=6e-7)
above = [d for d in rmse10 if rise[d] > 0.2]
close("days with an RMSE 20 % above the baseline", len(above), stated["days"])
assert above[0] == stated["first"], (above[0], stated["first"])
worst = max(rmse10, key=rmse10.get)
assert worst == stated["max"][0], worst
close("worst two-week RMSE", rmse10[worst], stated["max"][1], absolute=6e-7)

runs = [[s["pending_from"][:10], s["from"][:10]] for s in spans["psi20-run"]]
want = [r[:2] for r in expected["psi20_vix_gt_0.3_run3plus"]]
assert runs == want, (runs, want)
compared += 2 * len(want)
peak = max((v for v in values["psi20"] if v[3] == "ok"), key=lambda v: v[1])
close("largest 20-day PSI", peak[1], expected["psi20_vix_max"][1], absolute=6e-7)
print(f"{compared} figures on real data agree")
