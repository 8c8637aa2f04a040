"""Random cases against numpy, scipy and scikit-learn: ties, constants, nulls, infinities, spikes, empty, one class.

The engine answers through `statistics_tool`; values agree to 1e-9 relative, counts exactly. The seed is printed.
"""
import argparse, csv, gzip, math, os, subprocess, sys, warnings
import numpy as np
from scipy import spatial, special, stats
from sklearn import metrics as sk
from sklearn.isotonic import IsotonicRegression

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


def number_bins(reference, bins, masses):
    """Edges and point masses of a reference, as the engine's rules say."""
    n = len(reference); asked = 10 if not bins else int(bins.split()[-1]) if "," not in bins and "." not in bins else None
    if asked is None: return [], np.unique([float(v) for v in bins.split(",")])
    values, counts = np.unique(reference, return_counts=True); count = max(1, min(asked, n // 10))
    if bins.startswith("equal_width"):
        low, width = reference.min(), (reference.max() - reference.min()) / count
        return [], np.unique([low + i * width for i in range(1, count)])
    if masses and len(values) <= asked: return list(values), np.array([])
    mass = values[counts * count >= n] if masses else np.array([])
    rest = np.sort(reference[~np.isin(reference, mass)])
    parts = max(1, count * len(rest) // n)
    edges = np.unique([np.quantile(rest, i / parts) for i in range(1, parts)]) if len(rest) and parts > 1 else np.array([])
    return list(mass), edges


def counts_of(x, masses, edges):
    rest = x[~np.isin(x, masses)]
    return [int((x == m).sum()) for m in masses] + list(np.bincount(np.searchsorted(edges, rest, side="right"), minlength=len(edges) + 1))


def pooled(a, b, is_text):
    a, b = np.array(a), np.array(b)
    n, m = a.sum(), b.sum(); thin = lambda r, c: (r + c) * min(n, m) / (n + m) < 5
    out, rest = [], np.array([0, 0])
    for pair in np.array([a, b]).T:
        if is_text and not thin(*pair): out.append(pair)
        elif is_text: rest = rest + pair
        else:
            rest = rest + pair
            if not thin(*rest): out.append(rest); rest = np.array([0, 0])
    if rest.sum():
        if not out or (is_text and not thin(*rest)): out.append(rest)
        else: out[-1] = out[-1] + rest
    return out


def pooled_degrees(a, b): return len(pooled(a, b, False)) - 1


def pooled_chi2(a, b, is_text):
    out = pooled(a, b, is_text)
    if len(out) < 2: return 0.0, 1.0
    value, p, _, _ = stats.chi2_contingency(np.array(out), correction=False)
    return value, p


def drift_values(metric, a, b, floor, reverse, is_text):
    a, b = np.array(a), np.array(b); keep = (a + b) > 0; a, b = a[keep], b[keep]; B = len(a); n, m = a.sum(), b.sum()
    if metric == "chi2": return pooled_chi2(a, b, is_text)
    if metric == "total_variation": return float(np.abs(a / n - b / m).sum() / 2), None
    if metric == "l_infinity": return float(np.abs(a / n - b / m).max()), None
    half = 0 if floor else .5
    p, q = (a + half) / (n + half * B), (b + half) / (m + half * B)
    if floor and metric in ("psi", "kl"): p, q = np.where(a == 0, 1e-4, p), np.where(b == 0, 1e-4, q)
    k = 1 / n + 1 / m
    if metric == "psi": value = ((q - p) * np.log(q / p)).sum(); x = value / k
    elif metric == "kl": value = (p * np.log(p / q)).sum() if reverse else (q * np.log(q / p)).sum(); x = 2 * value / k
    elif metric == "js":
        value = min(1, spatial.distance.jensenshannon(p, q, base=2) ** 2)
        x = value * 8 * np.log(2) / k; value = np.sqrt(value)
    else:
        value = min(1, ((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2); x = 8 * value / k; value = np.sqrt(value)
    return float(value), float(stats.chi2.sf(x, B - 1)) if B > 1 else 1.0  # one bin cannot differ


def rejected(p):
    p = np.sort(p); below = np.nonzero(p <= .05 * np.arange(1, len(p) + 1) / len(p))[0]  # Benjamini-Hochberg
    return (below[-1] + 1) / len(p) if len(below) else 0.0


drift_metrics = ["psi", "kl", "js", "hellinger", "total_variation", "l_infinity", "chi2"]


def drift_options(metric, is_text):
    floor, reverse, nulls, plain = (bool(random.random() < p) for p in (.2, .3, .2, .2))
    bins = "" if is_text or random.random() < .5 else str(random.choice(["2", "5", "20", "50", "equal_width 7", "0.5,1.5,60", "-1.5,0.25,2e5"]))
    return floor, reverse, nulls, plain, bins, ";".join(filter(None, ["floor=1" * floor, "reverse=1" * reverse, "nulls=1" * nulls, "plain=1" * plain, f"bins={bins}" * bool(bins)]))


def drift_case(n):
    reference, x = numbers(int(random.integers(20, 300)), clean=random.random() < .5), numbers(n)
    (r,), reference_nulls, _ = used(reference); (g,), nulls, excluded = used(x); metric = str(random.choice(drift_metrics))
    floor, reverse, with_nulls, plain, bins, options = drift_options(metric, False)
    want = dict(n=len(g), nulls=nulls, excluded=excluded, value=None)
    if len(r) and len(g) + with_nulls * nulls:
        masses, edges = number_bins(r + 0.0, bins, not plain)
        a, b = counts_of(r, masses, edges), counts_of(g, masses, edges)
        if with_nulls: a, b = a + [reference_nulls], b + [nulls]
        want["value"], want["p_value"] = drift_values(metric, a, b, floor, reverse, False)
    elif not len(r): want.pop("value")
    return metric, options, [("x", x)], [("x", reference)], want


def words(n, letters):
    if random.random() < .1: return ["a"] * n
    return [None if random.random() < .08 else str(random.choice(letters)) + ("" if random.random() < .8 else str(random.integers(30))) for _ in range(n)]


def text_case(n):
    reference, x = words(int(random.integers(20, 400)), list("abcd")), words(n, list("abcde"))
    known = [v for v in reference if v is not None]; good = [v for v in x if v is not None]
    nulls = n - len(good); want = dict(n=len(good), nulls=nulls, excluded=0, value=None)
    metric = str(random.choice(drift_metrics + ["new_values", "distinct", "duplicates", "changed"]))
    if metric == "new_values":
        hits = sum(v not in set(known) for v in good)
        if good: want["value"] = hits / len(good); want["low"], want["high"] = wilson(hits, len(good))
        return metric, "", [("x#", x)], [("x#", reference)], want
    if metric == "distinct": want["value"] = len(set(good)); return metric, "", [("x#", x)], None, want
    if metric == "duplicates":
        if good: want["value"] = 1 - len(set(good)) / len(good)
        return metric, "", [("x#", x)], None, want
    if metric == "changed":
        if good: want["value"] = sum(a != b for a, b in zip(good, good[1:]))
        return metric, "", [("x#", x)], None, want
    floor, reverse, with_nulls, _, _, options = drift_options(metric, True)
    counts = {}
    for v in known: counts[v] = counts.get(v, 0) + 1
    order = sorted(counts, key=lambda v: (-counts[v], v.encode())); kept = order[:49]
    def bins(values, missing):
        out = [values.count(v) for v in kept] + [sum(v in counts and v not in kept for v in values), sum(v not in counts for v in values)]
        return out + [missing] if with_nulls else out
    if len(good) + with_nulls * nulls:
        want["value"], want["p_value"] = drift_values(metric, bins(known, len(reference) - len(known)), bins(good, nulls), floor, reverse, True)
    return metric, options, [("x#", x)], [("x#", reference)], want


def ks_p(d, n, m, g, r):
    if n * m <= 40000:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try: return float(stats.ks_2samp(g, r, mode="exact").pvalue)
            except RuntimeWarning: return None
    e = math.sqrt(n * m / (n + m)); return float(special.kolmogorov((e + .12 + .11 / e) * d))


def reference_case(n):
    reference, x = numbers(int(random.integers(20, 600)), clean=True), numbers(n); r = np.array(reference) + 0.0
    (g,), nulls, excluded = used(x); want = dict(n=len(g), nulls=nulls, excluded=excluded, value=None)
    metric = str(random.choice(["ks", "wasserstein", "out_of_range", "new_values", "drifted_columns"])); options = ""
    if metric == "drifted_columns":
        columns = [(f"c{i}", numbers(int(n), clean=True)) for i in range(5)]; references = [(f"c{i}", numbers(80, clean=True)) for i in range(5)]
        for i in range(5):
            if random.random() < .5: columns[i] = (columns[i][0], [float(v) for v in random.choice(references[i][1], n)])
        p = []
        for (_, now), (_, then) in zip(columns, references):
            then, now = np.array(then) + 0.0, np.array(now) + 0.0; masses, edges = number_bins(then, "", True)
            p.append(drift_values("psi", counts_of(then, masses, edges), counts_of(now, masses, edges), False, False, False)[1])
        want = dict(n=n, value=rejected(p) if n >= 50 else None)
        return metric, "", columns, references, want
    if len(g) and metric == "ks":
        d = stats.ks_2samp(g, r).statistic; want["value"] = d; p = ks_p(d, len(g), len(r), g, r)
        if p is not None: want["p_value"] = p
    if len(g) and metric == "wasserstein":
        value = stats.wasserstein_distance(g, r)
        if random.random() < .5:
            options = "scaled=1"
            from fractions import Fraction
            f = [Fraction(v) for v in reference]; mean = sum(f) / len(f); sd = math.sqrt(sum((v - mean) ** 2 for v in f) / (len(f) - 1))
            value = value / sd if sd else None
        want["value"] = value
    if len(g) and metric == "out_of_range":
        hits = int(((g < r.min()) | (g > r.max())).sum()); want["value"] = hits / len(g); want["low"], want["high"] = wilson(hits, len(g))
    if len(g) and metric == "new_values":
        hits = int((~np.isin(g, r)).sum()); want["value"] = hits / len(g); want["low"], want["high"] = wilson(hits, len(g))
    return metric, options, [("x", x)], [("x", reference)], want


def pair_case(n):
    kind = random.integers(3)
    if kind == 0:
        p, y = scores(n); P, Y = np.array(p), np.array(y); want = dict(n=n, nulls=0, excluded=0, value=None)
        if Y.sum(): want["value"] = sk.average_precision_score(Y, P)
        return "average_precision", "", [("p", p), ("y", y)], None, want
    if kind == 1:
        p, y = scores(n); c = np.array(p) >= .5; Y = np.array(y) == 1; a, b = float(random.integers(0, 9)), float(random.random() * 20)
        cost = a * int((c & ~Y).sum()) + b * int((~c & Y).sum()); per = random.random() < .5
        return "decision_cost", f"false_positive={a!r};false_negative={b!r}" + ";per=1" * per, [("p", p), ("y", y)], None, dict(n=n, value=cost / n if per else cost)
    x, y = numbers(n), numbers(n)
    if random.random() < .5: y = [None if a is None or b is None else a + b / 100 for a, b in zip(x, y)]
    (a, b), nulls, excluded = used(x, y); want = dict(n=len(a), nulls=nulls, excluded=excluded, value=None)
    method = str(random.choice(["pearson", "spearman"]))
    if len(a) > 1 and len(np.unique(a)) > 1 and len(np.unique(b)) > 1:
        if method == "spearman": want["value"] = float(stats.spearmanr(a, b).correlation)
        else:
            from fractions import Fraction
            f, g = [Fraction(v) for v in a], [Fraction(v) for v in b]; mf, mg = sum(f) / len(f), sum(g) / len(g)
            xy = sum((u - mf) * (v - mg) for u, v in zip(f, g)); xx = sum((u - mf) ** 2 for u in f); yy = sum((v - mg) ** 2 for v in g)
            want["value"] = math.copysign(math.sqrt(xy * xy / (xx * yy)), xy)
    return "correlation", f"method={method}", [("x", x), ("y", y)], None, want


def sequence_case(n):
    metric = str(random.choice(["distinct", "duplicates", "changed", "increase", "percentile_rank"]))
    x = numbers(n) if random.random() < .5 or metric == "percentile_rank" else [None if random.random() < .05 else float(v) for v in random.integers(-1, 40, n)]
    (g,), nulls, excluded = used(x); want = dict(n=len(g), nulls=nulls, excluded=excluded, value=None); options = ""
    if metric == "distinct": want["value"] = len(np.unique(g))
    elif metric == "duplicates":
        if len(g): want["value"] = 1 - len(np.unique(g)) / len(g)
    elif metric == "changed":
        if len(g): want["value"] = int((np.diff(g) != 0).sum())
    elif metric == "increase":
        c = g[g >= 0]; want["n"], want["excluded"] = len(c), excluded + len(g) - len(c); grown = [0.0]
        for a, b in zip(c, c[1:]): grown += [b] if b < a else [b, -a]
        want["value"] = math.fsum(grown)
    else:
        options = f"rows={max(1, n)};min_n=1"; want.pop("nulls"); want["n"] = max(0, len(g) - 1)
        if len(g) > 1:
            before, now = np.sort(g[:-1]), g[-1]; below = int((before < now).sum())
            want["value"] = 0 if below == 0 else 1 if below == len(before) else (below - 1 + (now - before[below - 1]) / (before[below] - before[below - 1])) / (len(before) - 1)
    return metric, options, [("x", x)], None, want


def isotonic(x, y):
    fit = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(x, y)
    return lambda at: np.round(fit.predict(at) * 2 ** 30) / 2 ** 30


def estimate_case(n):
    p, _ = scores(n); (x, y) = scores(int(random.integers(20, 200))); t = float(random.choice([.3, .5, .7]))
    p = [None if random.random() < .05 else v for v in p]; y = [None if random.random() < .1 else v for v in y]
    known = [(a, b) for a, b in zip(x, y) if b is not None]; (s,), nulls, _ = used(p)
    want = dict(n=len(s), nulls=nulls, excluded=0, value=None); metric = str(random.choice(["accuracy", "precision", "recall", "f1", "auc"]))
    if len(s):
        c = isotonic(*map(np.array, zip(*known)))(s); yes = s >= t
        hits, positives, predicted = math.fsum(c[yes]), math.fsum(c), int(yes.sum())
        part, whole = dict(accuracy=(math.fsum(np.where(yes, c, 1 - c)), len(s)), precision=(hits, predicted), recall=(hits, positives),
                           f1=(2 * hits, predicted + positives), auc=(0, 0))[metric]
        if metric == "auc":
            w = np.outer(c, 1 - c); np.fill_diagonal(w, 0)
            part, whole = (w * ((s[:, None] > s[None]) + .5 * (s[:, None] == s[None]))).sum(), w.sum()
        if whole > 0: want["value"] = part / whole
    return "estimated_" + metric, f"threshold={t!r}", [("p", p), ("y", [0.0] * n)], [("p", x), ("y", y)], want


def threshold_case(n):
    alpha = float(10 ** -random.uniform(.4, 9)); below = bool(random.random() < .5); want = {}; reference = None; options = ""
    metric = str(random.choice(["psi", "kl", "js", "hellinger", "chi2", "ks", "share", "precision", "null_rate", "mean", "mae", "bias", "rmse", "brier", "log_loss", "auc"]))
    side = -1 if below else 1; z = side * stats.norm.isf(alpha)
    asked = float(random.choice([0, .01, .1, .3, .75, 5]))
    error = lambda loss: np.std(loss, ddof=1) / math.sqrt(len(loss)) if len(loss) > 1 else None
    if metric in ("psi", "kl", "js", "hellinger", "chi2"):
        below = False; n = int(random.integers(5, 40)); r = np.cumsum(random.normal(0, 1, int(random.integers(100, 900)))); g = random.normal(0, 9, n)
        masses, edges = number_bins(r + 0.0, "", True); a, b = counts_of(r, masses, edges), counts_of(g, masses, edges)
        size = n if n < 16 else n >> (n.bit_length() - 4) << (n.bit_length() - 4); phi = 1; m = len(r)
        if m // size >= 20:
            def ratio(rows):
                value, p = drift_values(metric, a, counts_of(rows, masses, edges), False, False, False); c = np.array(a); k = 1 / m + 1 / size
                if metric == "chi2": return value, pooled_degrees(a, counts_of(rows, masses, edges))
                return {"psi": value / k, "kl": 2 * value / k, "js": value ** 2 * 8 * np.log(2) / k, "hellinger": value ** 2 * 8 / k}[metric], int((c > 0).sum()) - 1
            rows = [ratio(r[i * size:(i + 1) * size]) for i in range(m // size)]
            rows = [v / stats.chi2.ppf(.5, d) for v, d in rows if d > 0]
            phi = max(1, np.median(rows)) if rows else 1; want["inflation"] = phi
        k = 1 / n + 1 / m; degrees = int(((np.array(a) + np.array(b)) > 0).sum()) - 1
        if metric == "chi2": degrees = pooled_degrees(a, b)
        x = stats.chi2.isf(alpha, degrees) * phi if degrees > 0 else 0
        reached = {"psi": k * x, "kl": k * x / 2, "js": min(1, math.sqrt(k * x / (8 * math.log(2)))), "hellinger": min(1, math.sqrt(k * x / 8)), "chi2": x}[metric]
        columns, reference = [("x", [float(v) for v in g])], [("x", [float(v) for v in r])]
    elif metric == "ks":
        below = False; n, m = int(random.integers(210, 300)), int(random.integers(210, 300)); e = math.sqrt(n * m / (n + m))
        reached = min(1, special.kolmogi(alpha) / (e + .12 + .11 / e))
        columns, reference = [("x", [float(v) for v in random.normal(0, 1, n)])], [("x", [float(v) for v in random.normal(0, 1, m)])]
    elif metric in ("share", "precision", "null_rate"):
        asked = float(random.choice([.001, .01, .1, .5, .9, random.random()])); p, y = scores(n); P = np.array(p); N = n
        if metric == "share": options = "expression=p > 0.5;"
        if metric == "precision": N = int((P >= .5).sum())
        columns = [("p", p)] + ([("y", y)] if metric == "precision" else [])
        reached = stats.binom.isf(alpha, N, asked) / N if not below else (N - stats.binom.isf(alpha, N, 1 - asked)) / N if N else None
        if not N: reached = None
    elif metric == "auc":
        asked = float(random.choice([.5, .65, .8, .95])); p, y = scores(n); P, N = sum(y), n - sum(y); columns = [("p", p), ("y", y)]; reached = None
        if P and N:
            q1, q2 = asked / (2 - asked), 2 * asked ** 2 / (1 + asked)
            se = math.sqrt((asked * (1 - asked) + (P - 1) * (q1 - asked ** 2) + (N - 1) * (q2 - asked ** 2)) / (P * N)); reached = min(1, max(0, asked + z * se))
    else:
        if metric == "mean": v = random.normal(50, 20, n); columns, se = [("x", [float(u) for u in v])], error(v)
        elif metric in ("mae", "bias", "rmse"):
            a, b = random.normal(5, 2, n), random.normal(5, 2, n); columns = [("f", [float(u) for u in a]), ("y", [float(u) for u in b])]; e = a - b
            se = error(dict(mae=abs(e), bias=e, rmse=e * e)[metric])
            if se is not None and metric == "rmse": se /= 2 * math.sqrt((e * e).mean())
        else:
            p, y = scores(n); P, Y = np.clip(p, 1e-15, 1 - 1e-15), np.array(y); columns = [("p", p), ("y", y)]
            se = error((np.array(p) - Y) ** 2 if metric == "brier" else -np.where(Y == 1, np.log(P), np.log(1 - P)))
        reached = None if se is None else asked + z * se
    want["in_force"] = None if reached is None else (min if below else max)(asked, reached)
    return metric, f"{options}alpha={alpha!r};asked={asked!r}" + ";below=1" * below, columns, reference, want


def scores(n):
    p = random.random(n) if random.random() < .5 else random.integers(0, 11, n) / 10
    y = np.zeros(n) if random.random() < .1 else (random.random(n) < p).astype(float)
    return [float(v) for v in p], [float(v) for v in y]


def spell(columns):
    one = lambda v: "_" if v is None else v if isinstance(v, str) else str(v) if not math.isfinite(v) else v.hex()
    return ";".join(f"{name}:" + ",".join(map(one, values)) for name, values in columns)


def case():
    n = int(random.integers(1, 120)); want = {}
    which = random.integers(12)
    if which == 10: return estimate_case(n)
    if which == 11: return threshold_case(n)
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
    if which == 5: return drift_case(n)
    if which == 6: return reference_case(n)
    if which == 7: return text_case(n)
    if which == 8: return pair_case(n)
    return sequence_case(n)


cases = [case() for _ in range(arguments.cases)]
lines = ["\t".join([m, o, spell(c)] + ([spell(r)] if r else [])) for m, o, c, r, _ in cases]
answers = subprocess.run([tool], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True).stdout.splitlines()
assert len(answers) == len(cases), f"{len(cases)} cases, {len(answers)} answers"
names = ["value", "n", "nulls", "excluded", "low", "high", "p_value", "error", "in_force", "inflation"]
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


def ask(metric, options, columns, reference):
    line = "\t".join([metric, options, spell(columns), spell(reference)]) + "\n"
    status, *fields = subprocess.run([tool], input=line, capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(names, (None if f == "-" else float.fromhex(f) if "x" in f else float(f) for f in fields)))


def real_data(folder):
    """Printed vectors on public data: closing values of VIX, and loans with a dirty column whose nulls are a bin."""
    def table(name):
        with gzip.open(os.path.join(folder, name), "rt", newline="") as file: return list(csv.DictReader(file))
    days = [(r["date"][:4], float(r["vix_close"])) for r in table("market/market_daily.csv.gz") if r["vix_close"]]
    year = lambda *years: [("x", [v for y, v in days if y in years])]
    loans = table("credit/sba_loans.csv.gz")
    quarter = lambda y: [("x#", [r["revolving"].replace(",", ";") or None for r in loans if y + "-07" <= r["approval_date"][:7] <= y + "-09"])]
    half = [(year("2008"), year("2004", "2005"), "", 5.279220), (year("2008"), year("2004", "2005"), "floor=1;plain=1", 7.782429),
            (year("2014"), year("2004", "2005"), "", .121065), (year("2014"), year("2004", "2005"), "floor=1;plain=1", .126410),
            (quarter("2003"), quarter("2004"), "nulls=1", .236097), (quarter("2003"), quarter("2004"), "nulls=1;floor=1", .253264)]
    failed = 0
    for now, then, options, expected in half:
        got = ask("psi", options, now, then)["value"]
        if got is None or abs(got - expected) > 1e-6: failed += 1; print(f"real data, psi {options}: expected {expected}, got {got}")
    # Twenty days against two years: neighbouring days resemble each other 2.468 times more than independent ones would.
    month = [("x", year("2008")[0][1][:20])]
    got = ask("psi", "alpha=.001;asked=.3", month, year("2004", "2005"))
    if abs(got["in_force"] - 3.577) > 5e-4 or abs(got["inflation"] - 2.468) > 5e-4: failed += 1; print(f"real data, threshold: {got}")
    p = ask("psi", "", year("2014"), year("2004", "2005"))["p_value"]
    if abs(p - .015933) > 1e-6: failed += 1; print(f"real data, p of psi: expected .015933, got {p}")
    print(f"real data: {len(half) + 2} vectors, {failed} wrong")
    return failed


def printed_chunks():
    """A feature of 20 weeks shifted by 0.6 after 15, in chunks of 5,000 against its first 10,080 rows: NannyML's test."""
    legacy = np.random.RandomState(167)
    f1 = legacy.randn(20160); f1[15120:] += .6
    failed = 0
    for at, expected in zip(range(0, 20160, 5000), (.005067, .004933, .011860, .243595, .210615)):
        chunk = [float(v) for v in f1[at:at + 5000]]
        got = ask("ks", "", [("x", chunk)], [("x", [float(v) for v in f1[:10080]])])
        whole = stats.ks_2samp(f1[:10080], f1[at:at + 5000]).statistic
        if abs(got["value"] - expected) > 5e-7 or not math.isclose(got["value"], whole, rel_tol=1e-12):
            failed += 1; print(f"ks of the chunk at {at}: expected {expected}, got {got['value']}")
    return failed


wrong += printed_chunks()
folder = os.environ.get("TIDEWATCH_DATA")
if folder: wrong += real_data(folder)
else: print("TIDEWATCH_DATA is not set: the printed vectors on public data were not compared")
print(f"seed {arguments.seed}: {len(cases)} cases, {wrong} wrong")
sys.exit(1 if wrong else 0)
