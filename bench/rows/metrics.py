"""M1 to M11: what metrics cost by themselves, beside what computes the same number in Python."""
import json, subprocess

from kit import Unmeasured
from peers import statistics

US = 1e-3


def costs(bench, what, **flags):
    """{name: (unit, values)} of load_metrics; measured once a run."""
    if what not in bench.answers:
        words = [bench.tool("metrics"), "--what", what]
        for name, value in {"runs": bench.runs, **flags}.items():
            words += ["--" + name, str(value)]
        ran = subprocess.run(bench.on_engine_core(words), capture_output=True, text=True, timeout=300)
        if ran.returncode != 0:
            raise Unmeasured("load_metrics: " + ran.stderr.strip()[-200:])
        bench.answers[what] = {line["name"]: line["values"] for line in map(json.loads, ran.stdout.splitlines())}
    return bench.answers[what]


def peers(bench, group, *names, scale=1.0):
    return [(name, bench.beside(name, lambda b, s, n=name: statistics.one(b, group, n, s), scale)) for name in names]


def ns(bench, name, quantity, budget, *beside, bound=""):
    bench.row(quantity, costs(bench, "costs")[name], "ns", budget, None, less_is_better=True,
              peers=peers(bench, "small", *beside), bound=bound)


def m1(bench):
    """counts and shares"""
    ns(bench, "count add", "a row counted into a pane", 3, "a deque and its sum")
    ns(bench, "share add", "a row's truth counted into a pane", 3, "a deque and its sum", bound="the expression runs once a batch and is not in this")


def m2(bench):
    """exact sums"""
    ns(bench, "sum add", "a value into an exact sum, with least and most", 4, "math.fsum (exact)", "numpy.sum (rounds)")
    ns(bench, "sum and squares add", "a value into exact sums of it and its square", 9, "Welford in Python", "numpy.std")


def m3(bench):
    """binned drift"""
    ns(bench, "psi add", "a value into one of 20 bins", 20, "numpy.searchsorted and bincount")
    bench.row("PSI of 20 bins with its p-value", [v * US for v in costs(bench, "costs")["psi read"]], "us", 0.3, None,
              less_is_better=True, peers=peers(bench, "small", "numpy formula of 20 bins", scale=US), bound="20 logarithms, and a reading with its texts")


def m4(bench):
    """quantiles"""
    ns(bench, "quantile add", "a value into a pane's quantiles", 3, "pandas rolling quantile, a row")
    bench.row("p95 of 62 panes merged anew", [v * US for v in costs(bench, "costs")["quantile merge 62 and read"]], "us", 20, None,
              less_is_better=True, peers=peers(bench, "small", "numpy.quantile of 8,060 values", scale=US))
    bench.row("p95 of a window that is merged", [v * US for v in costs(bench, "costs")["quantile read"]], "us", 1, None,
              less_is_better=True, peers=peers(bench, "small", "numpy.quantile of 8,060 values", scale=US))


def m5(bench):
    """distinct values"""
    ns(bench, "distinct add", "a value counted if it is new", 12, "a set in Python", "pandas.unique")


def m6(bench):
    """exact AUC over a window that slides"""
    for pairs, budget in ((1_000, 0.5), (10_000, 0.7), (100_000, 1.0)):
        bench.row(f"AUC of {pairs:,} pairs in 60 panes: a pair added, one evicted, read with each pane",
                  [v * US for v in costs(bench, "slides")[f"auc {pairs} slide"]], "us", budget, None, less_is_better=True,
                  peers=peers(bench, "windows", f"sklearn.roc_auc_score of {pairs}", scale=US))
    bench.row("the same of 10,000 pairs, 100 different scores", [v * US for v in costs(bench, "slides")["auc 10000 of 100 scores slide"]],
              "us", 2.5, None, less_is_better=True, bound="a pass over the window at each read")


def m7(bench):
    """sorted windows that slide"""
    bench.row("KS of 100,000 values in 60 panes: a value added, one evicted, read with each pane",
              [v * US for v in costs(bench, "slides")["ks 100000 slide"]], "us", 0.4, None, less_is_better=True,
              peers=peers(bench, "windows", "scipy.stats.ks_2samp of 100,000", scale=US))
    bench.row("exact p95 of 100,000 values, the same", [v * US for v in costs(bench, "slides")["p95 exact 100000 slide"]], "us", 0.4, None,
              less_is_better=True, peers=peers(bench, "windows", "numpy.quantile of 100,000 values", scale=US))
    for rows, budget in ((252, None), (100_000, 0.4)):
        bench.row(f"rank of each row among the {rows:,} before it", [v * US for v in costs(bench, "slides")[f"rank among {rows} rows"]], "us",
                  budget, None, less_is_better=True, peers=peers(bench, "windows", f"pandas rolling rank of {rows}, a row", scale=US))
    for name in ("p95 of 252 rows", "p95 of 100000 rows", "mean of 252 rows"):
        bench.row(f"{name}, a row and a read", [v * US for v in costs(bench, "slides")[name]], "us", None, None, less_is_better=True,
                  bound="feeding a batch of one row and recording a reading")


def m8(bench):
    """memory of a series, by family"""
    # Bytes a pane as metrics are planned; what grows with rows, for 1,000 of them.
    planned = {"count": 8, "share": 8, "sum": 56, "standard_deviation": 160, "correlation": 320, "psi": 44, "accuracy": 16,
               "p95": 2_000, "distinct": 4_096, "ks": 8_000, "auc": 17_000, "compare": None}
    for name, budget in planned.items():
        few, many = (costs(bench, "memory")[f"{name} of {rows} rows a pane"] for rows in (100, 1000))
        bench.row(f"{name}: bytes of the heap a pane of 1,000 rows, merges and readings with it", [many[1]], "bytes", budget, None,
                  less_is_better=True, note=f"of 100 rows {few[1]:,.0f}; as the engine counts {many[0]:,.0f} and {few[0]:,.0f}")


def m9(bench):
    """drift of a thousand columns over two weeks"""
    got = costs(bench, "wide")
    bench.row("PSI of 1,000 columns, 10 bins: 62 panes, of the heap", [got["wide before it was read"][1] / 1e6], "MB", 2.7, None,
              less_is_better=True, note=f"with the newest readings of each column {got['wide read every pane'][1] / 1e6:.2f}; "
              f"as the engine counts {got['wide before it was read'][0] / 1e6:.2f} and {got['wide read every pane'][0] / 1e6:.2f}",
              bound="counts of 16 bits; a pane with more than 65,535 rows in a bin takes 200 bytes a column")
    theirs, why = bench.beside("numpy, wide", lambda b: [1e3 / v for v in statistics.one(b, "wide", "numpy, a value of a column", 1)])
    bench.row("values binned, in panes, of 1,000 columns", got["wide"], "M values/s", 1, None, peers=[("numpy, columns whole", (theirs, why))])
    bench.row("a column's PSI when a pane ended, merge and reading", [v * US for v in got["wide a read"]], "us", None, None, less_is_better=True)


def m10(bench):
    """detectors"""
    got = costs(bench, "detectors")
    for name, budget, theirs in (("ewma", 5, "pandas ewm mean and deviation, a value"), ("cusum", 3, None), ("page_hinkley", 3, None),
                                 ("adwin", None, None), ("mad", None, "scipy median_abs_deviation of 240"), ("kswin", None, None)):
        bench.row(f"{name}: a value learnt and scored", got[f"{name} value"], "ns", budget, None, less_is_better=True,
                  peers=peers(bench, "detectors", theirs) if theirs else [])
    plain = got["a mean at each pane end"]
    bench.row("a mean alone: a row that ends a pane fed, then read", [v * US for v in plain], "us", None, None, less_is_better=True)
    for name in ("ewma", "mad", "kswin"):
        bench.row(f"{name} of a mean, the same", [v * US for v in got[f"{name} of a mean at each pane end"]], "us", None, None,
                  less_is_better=True, bound="two windows read a pane: the newest, and the one that is final now")


def m11(bench):
    """thresholds that know chance"""
    got = costs(bench, "thresholds")
    for name, theirs in (("psi", "scipy chi2.isf"), ("ks", "scipy kstwobign.isf"), ("share", "scipy binom.isf"),
                         ("mean", "scipy norm.isf"), ("auc", "scipy norm.isf")):
        bench.row(f"{name}: the threshold in force for a reading that is new", [v * US for v in got[f"{name} threshold"]], "us", None, None,
                  less_is_better=True, peers=peers(bench, "detectors", theirs, scale=US),
                  bound="the tail of the distribution, inverted; a reading like the last takes its threshold over")


def t12(bench):
    """batch statistics on ten million records"""
    if bench.quick:
        raise Unmeasured("takes minutes; without --quick")
    got = costs(bench, "batch", runs=1)
    for name, quantity, budget, theirs, times in (
            ("auc", "AUC of 10 M pairs, scores in 65,536 buckets", 0.61, "sklearn.roc_auc_score of 10,000,000", 10),
            ("psi", "PSI of 10 M values", 0.16, "numpy PSI of 10,000,000", 4)):
        bound = got[f"{name} of ten million, error bound"][0]
        bench.row(quantity, got[f"{name} of ten million"], "s", budget, None, less_is_better=True, peers=peers(bench, "batch", theirs, scale=1e-9),
                  note=f"asked: {times} times better than the peer" + (f"; off by at most {bound:.1g}" if bound else ""))
    for pairs in (840_000, 2_332_400):
        bound = got[f"47 two-week AUC of {pairs}, error bound"][0]
        bench.row(f"two-week AUC at the end of each of 47 days, {pairs:,} pairs a window", got[f"47 two-week AUC of {pairs}"], "s", 4, None,
                  less_is_better=True, note="exact" if not bound else f"off by at most {bound:.1g}: exact up to a million pairs",
                  bound="a pass over the window's pairs at each read")


ROWS = {"T12": t12, "M1": m1, "M2": m2, "M3": m3, "M4": m4, "M5": m5, "M6": m6, "M7": m7, "M8": m8, "M9": m9, "M10": m10, "M11": m11}
