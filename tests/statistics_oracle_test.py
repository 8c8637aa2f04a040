"""Random cases against numpy, scipy and scikit-learn: ties, constants, nulls, infinities, spikes, empty, one class.

The engine answers through `statistics_tool`; values agree to 1e-9 relative, counts exactly. The seed is printed.
"""
import argparse, math, os, subprocess, sys, warnings
import numpy as np
from scipy import stats
from sklearn import metrics as sk

warnings.simplefilter("ignore")
parser = argparse.ArgumentParser()
parser.add_argument("--build", required=True)
parser.add_argument("--binary")
parser.add_argument("--seed", type=int, default=20240607)
parser.add_argument("--cases", type=int, default=20000)
arguments = parser.parse_args()
tool = next((p for p in (os.path.join(arguments.build, d, "statistics_tool") for d in ("tests", "", ".")) if os.path.exists(p)), None)
if tool is None:
    sys.exit("statistics_tool is not built")
random = np.random.default_rng(arguments.seed)


def numbers(n, clean=False):
    kind = random.integers(6)
    if kind == 0: x = random.normal(50, 20, n)
    elif kind == 1: x = random.integers(0, 5, n).astype(float)
    elif kind == 2: x = np.full(n, 7.25)
    elif kind == 3: x = np.exp(random.normal(0, 3, n))
    elif kind == 4: x = random.normal(1e6, 1, n)
    else: x = np.where(random.random(n) < 0.1, 1e16, random.normal(0, 1, n))
    x = [float(v) for v in x]
    if not clean:
        for i in range(n):
            if random.random() < 0.1: x[i] = [None, math.nan, math.inf, -math.inf][random.integers(4)]
    return x


def used(*columns):
    rows = list(zip(*columns))
    nulls = [r for r in rows if None in r]
    good = [r for r in rows if None not in r and all(math.isfinite(v) for v in r)]
    return [np.array(c) for c in (zip(*good) if good else [[]] * len(columns))], len(nulls), len(rows) - len(nulls) - len(good)


def wilson(k, n):
    z = stats.norm.ppf(0.975); p = k / n
    mid = (p + z * z / 2 / n) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return mid - half, mid + half


def psi(reference, now):
    n = len(reference); different = np.unique(reference); masses, edges = list(different), []
    if len(different) > 10:
        count = max(1, min(10, n // 10))
        masses = [v for v in different if (reference == v).sum() * count >= n]
        rest = reference[~np.isin(reference, masses)]
        parts = max(1, count * len(rest) // n)
        edges = np.unique(np.quantile(rest, [i / parts for i in range(1, parts)])) if len(rest) and parts > 1 else []
    def counts(x):
        out = [int((x == m).sum()) for m in masses]
        rest = x[~np.isin(x, masses)]
        return np.array(out + list(np.bincount(np.searchsorted(edges, rest, side="right"), minlength=len(edges) + 1)))
    a, b = counts(reference), counts(now)
    keep = (a + b) > 0; a, b = a[keep], b[keep]; B = len(a)
    p, q = (a + .5) / (a.sum() + .5 * B), (b + .5) / (b.sum() + .5 * B)
    value = float(((q - p) * np.log(q / p)).sum())
    return value, float(stats.chi2.sf(value / (1 / a.sum() + 1 / b.sum()), B - 1)) if B > 1 else 1.0  # one bin cannot differ


def scores(n):
    p = random.random(n) if random.random() < .5 else random.integers(0, 11, n) / 10
    y = np.zeros(n) if random.random() < .1 else (random.random(n) < p).astype(float)
    return [float(v) for v in p], [float(v) for v in y]


def spell(columns):
    one = lambda v: "_" if v is None else str(v) if not math.isfinite(v) else v.hex()
    return ";".join(f"{name}:" + ",".join(map(one, values)) for name, values in columns)


def case():
    n = int(random.integers(1, 120)); want = {}
    which = random.integers(6)
    if which == 0:
        x = numbers(n); (g,), nulls, excluded = used(x)
        metric = random.choice(["sum", "mean", "min", "max", "standard_deviation"])
        want = dict(n=len(g), nulls=nulls, excluded=excluded)
        if metric == "sum": want["value"] = math.fsum(g)
        elif len(g) and metric == "mean": want["value"] = math.fsum(g) / len(g)
        elif len(g) and metric in ("min", "max"): want["value"] = getattr(np, metric)(g)
        elif metric == "standard_deviation" and len(g) > 1:
            from fractions import Fraction
            f = [Fraction(v) for v in g]; mean = sum(f) / len(f)
            want["value"] = math.sqrt(sum((v - mean) ** 2 for v in f) / (len(f) - 1))
        else: want["value"] = None
        return metric, "", [("x", x)], None, want
    if which == 1:
        x = numbers(n); (g,), nulls, excluded = used(x); q = float(random.choice([0, .1, .5, .95, .99, 1, random.random()]))
        return "quantile", f"q={q!r};exact=1", [("x", x)], None, dict(n=len(g), nulls=nulls, excluded=excluded, value=np.quantile(g, q) if len(g) else None)
    if which == 2:
        f, y = numbers(n), numbers(n); (a, b), nulls, excluded = used(f, y)
        metric = random.choice(["mae", "rmse", "bias", "max_error", "r2", "mape", "wape"])
        want = dict(n=len(a), nulls=nulls, excluded=excluded, value=None); e = a - b
        if len(a):
            if metric == "mae": want["value"] = sk.mean_absolute_error(b, a)
            if metric == "rmse": want["value"] = math.sqrt(math.fsum(e * e) / len(e))
            if metric == "bias": want["value"] = math.fsum(e) / len(e)
            if metric == "max_error": want["value"] = sk.max_error(b, a)
            if metric == "r2" and len(np.unique(b)) > 1:
                mean = math.fsum(b) / len(b)
                want["value"] = 1 - math.fsum(e * e) / math.fsum((b - mean) ** 2)
            if metric == "wape" and np.abs(b).sum() > 0: want["value"] = math.fsum(abs(e)) / math.fsum(abs(b))
            if metric == "mape":
                ok = b != 0; want["n"] = int(ok.sum()); want["excluded"] += int((~ok).sum())
                if ok.any(): want["value"] = math.fsum(abs(e[ok]) / abs(b[ok])) / ok.sum()
        return metric, "", [("f", f), ("y", y)], None, want
    if which == 3:
        p, y = scores(n); P, Y = np.array(p), np.array(y); want = dict(n=n, nulls=0, excluded=0, value=None)
        metric = random.choice(["auc", "log_loss", "brier", "ece", "mce"])
        b = np.minimum((P * 10).astype(int), 9)
        gaps = [(abs(P[b == i].mean() - Y[b == i].mean()), (b == i).sum()) for i in range(10) if (b == i).any()]
        if metric == "auc": want["value"] = sk.roc_auc_score(Y, P) if len(set(y)) == 2 else None
        if metric == "log_loss": want["value"] = sk.log_loss(Y, P, eps=1e-15, labels=[0, 1])
        if metric == "brier": want["value"] = sk.brier_score_loss(Y, P, pos_label=1)
        if metric == "ece": want["value"] = sum(g * c for g, c in gaps) / n
        if metric == "mce": want["value"] = max(g for g, _ in gaps)
        return metric, "", [("p", p), ("y", y)], None, want
    if which == 4:
        p, y = scores(n); t = float(random.choice([.3, .5, .7])); c = np.array(p) >= t; Y = np.array(y) == 1
        tp, fp, fn, tn = (int(v.sum()) for v in (c & Y, c & ~Y, ~c & Y, ~c & ~Y))
        metric = random.choice(["accuracy", "precision", "recall", "f1", "false_positive_rate", "false_negative_rate"])
        k, m = dict(accuracy=(tp + tn, n), precision=(tp, tp + fp), recall=(tp, tp + fn), f1=(2 * tp, 2 * tp + fp + fn),
                    false_positive_rate=(fp, fp + tn), false_negative_rate=(fn, tp + fn))[metric]
        want = dict(n=n, nulls=0, excluded=0, value=k / m if m else None)
        if m and metric != "f1": want["low"], want["high"] = wilson(k, m)
        return metric, f"threshold={t!r}", [("p", p), ("y", y)], None, want
    reference = numbers(int(random.integers(20, 300)), clean=True); x = numbers(n); (g,), nulls, excluded = used(x)
    want = dict(n=len(g), nulls=nulls, excluded=excluded, value=None)
    if len(g): want["value"], want["p_value"] = psi(np.array(reference) + 0.0, g)
    return "psi", "", [("x", x)], [("x", reference)], want


cases = [case() for _ in range(arguments.cases)]
lines = ["\t".join([m, o, spell(c)] + ([spell(r)] if r else [])) for m, o, c, r, _ in cases]
answers = subprocess.run([tool], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True).stdout.splitlines()
assert len(answers) == len(cases), f"{len(cases)} cases, {len(answers)} answers"
names = ["value", "n", "nulls", "excluded", "low", "high", "p_value", "error"]
wrong = 0
for (metric, options, columns, reference, want), answer in zip(cases, answers):
    status, *fields = answer.split()
    got = dict(zip(names, (None if f == "-" else float.fromhex(f) if "x" in f else float(f) for f in fields)))
    for name, expected in want.items():
        value = got.get(name)
        same = value is None if expected is None else value is not None and math.isclose(value, float(expected), rel_tol=1e-9, abs_tol=1e-12)
        if not same:
            wrong += 1
            if wrong <= 10: print(f"{metric} {options} {name}: expected {expected}, got {value} ({status}) for {spell(columns)[:300]}")
print(f"seed {arguments.seed}: {len(cases)} cases, {wrong} wrong")
sys.exit(1 if wrong else 0)
