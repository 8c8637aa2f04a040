"""Eighteen years of a market and a model that was never refitted: drift and errors by year, two-week errors against the
baseline, runs of a condition. Numpy on the same rows gives psi, kl and rmse to the last digits; the folder states the
rest."""
import csv
import gzip

from figures import Backtest, Figures, root

figures = Figures("market")  # leaves when there is no data: numpy is needed only beside it
import numpy  # noqa: E402

expected = figures.expected
files = {"market": figures.data / "market/market_daily.csv.gz",
         "predictions": figures.data / "market/market_predictions.csv.gz"}


def column(file, name):
    with gzip.open(files[file], "rt") as lines:
        return [(r["date"], float(r[name])) for r in csv.DictReader(lines) if r[name] != ""]


dates = [d for d, _ in column("market", "vix_close")]


def run_of(span):
    """First day, the day the condition is met, last day, and trading days between. Judged again between rows, a span
    ends on the row that ends it."""
    ended = dates.index(span["to"][:10]) - 1 if span["to"] else len(dates) - 1
    began = dates.index(span["pending_from"][:10])
    return [dates[began], span["from"][:10], dates[ended], ended - began + 1]


example = Backtest(root / "examples/vix-spx", files, ["vix-high"])["vix-high"]
runs = [run_of(span) for span in example.spans]
figures.same("vix_above_p90_252d_run5plus", {"count": len(runs), "longest": max(runs, key=lambda r: r[3]), "all": runs})

columns, errors = ("vix_close", "sp500_close"), ("mae", "rmse", "r2", "bias")
names = [f"{m}-{c}" for m in ("psi", "kl", "js", "ks", "psi-width", "reference") for c in columns]
names += [f"{m}-vix" for m in errors] + [f"{m}-up" for m in ("accuracy", "brier", "ece", "auc")]
names += ["psi20", "rmse10", "rmse10-rise", "ups", "hits", "nulls", "predicted"]
back = Backtest(root / "tests/packs/market-figures", files, names, to="2017-01-10")


def of_year(name, year):
    """The reading of the second of January: the closed calendar year before."""
    return back[name].at(f"{int(year) + 1}-01-02T")


def close(what, got, want):
    assert abs(got - want) <= 1e-9 * abs(want), f"{what}: expected {want!r} of numpy, got {got!r}"


vix_true, vix_pred = dict(column("predictions", "vix_true")), dict(column("predictions", "vix_pred"))
oracle = 0
for name in columns:
    rows = column("market", name)
    reference = numpy.array([v for d, v in rows if "2004" <= d[:4] <= "2005"])
    edges = numpy.unique(numpy.quantile(reference, numpy.linspace(0, 1, 11)))[1:-1]
    for year in expected[f"drift_by_year_{name}"]:
        current = numpy.array([v for d, v in rows if d[:4] == year])
        p, q = (numpy.bincount(numpy.searchsorted(edges, x, side="right"), minlength=len(edges) + 1) / len(x)
                for x in (reference, current))
        p, q = numpy.where(p == 0, 1e-4, p), numpy.where(q == 0, 1e-4, q)
        psi, kl = of_year(f"psi-{name}", year), of_year(f"kl-{name}", year)
        close(f"psi {name} {year}", psi[1], float(((q - p) * numpy.log(q / p)).sum()))
        close(f"kl {name} {year}", kl[1], float((q * numpy.log(q / p)).sum()))
        oracle += 2
        path = f"drift_by_year_{name}/{year}"
        figures.same(path, {"n_ref": back[f"reference-{name}"].at("2006-01-01")[2], "n_cur": psi[2], "psi_q10": psi[1],
                            "kl_q10": kl[1], "js_q10": of_year(f"js-{name}", year)[1],
                            "ks": of_year(f"ks-{name}", year)[1], "psi_w10": of_year(f"psi-width-{name}", year)[1]})
for year in expected["vix_model_by_year"]:
    misses = numpy.array([vix_pred[d] - vix_true[d] for d in vix_true if d[:4] == year and d in vix_pred])
    close(f"rmse {year}", of_year("rmse-vix", year)[1], float(numpy.sqrt((misses ** 2).mean())))
    oracle += 1
    figures.same(f"vix_model_by_year/{year}", {e: of_year(f"{e}-vix", year)[1] for e in errors})
    figures.same(f"vix_model_by_year/{year}/n", of_year("mae-vix", year)[2])
    figures.same(f"up_model_by_year/{year}", {
        "n": of_year("brier-up", year)[2], "pos": of_year("ups", year)[1], "ece10": of_year("ece-up", year)[1],
        **{m: of_year(f"{m}-up", year)[1] for m in ("accuracy", "brier", "auc")}})

rmse10 = {row[0][:10]: row[1] for row in back["rmse10"].ok()}
rise = {row[0][:10]: row[1] for row in back["rmse10-rise"].ok()}
figures.same("baseline_rmse_vix_2004_2005", next(rmse10[d] / (1 + rise[d]) for d in rmse10))
above = [d for d in rmse10 if rise[d] > 0.2]
worst = max(rmse10, key=rmse10.get)
starts = [d for before, d in zip([None, *rmse10], rmse10) if rise[d] > 0.2 and not (before and rise[before] > 0.2)]
figures.same("rmse10_gt_1.2_base", {"days": len(above), "first": above[0], "max": [worst, rmse10[worst]],
                                    "runs": len(starts), "of": back["predicted"].rows[-1][1]})

psi20 = back["psi20"].ok()
figures.same("psi20_vix_gt_0.3_run3plus", [run_of(span) for span in back["psi20-run"].spans])
highest = max(psi20, key=lambda row: row[1])
# On many days all twenty rows are in one bin: the greatest is read on each of them, up to the order of summing.
ties = [row[0][:10] for row in psi20 if abs(row[1] - highest[1]) < 1e-12]
day = expected["psi20_vix_max"][0]
figures.same("psi20_vix_max", [day if day in ties else highest[0][:10], highest[1]])
nulls = back["nulls"].rows[-1]
figures.same("rows", nulls[2])
figures.same("missing_vix_rows", nulls[1] * nulls[2])
hits = back["hits"].ok()
lowest = min(hits, key=lambda row: row[1])
figures.same("hit_rate_10d_min", [lowest[0][:10], lowest[1]])
print(f"{oracle} figures agree with numpy to 1e-9")

figures.no_metric("a text", "reference")
figures.no_metric("Evidently's bins span both samples, which we decided against",
                  *(f"drift_by_year_{c}/*/psi_evidently" for c in columns))
figures.finish()
