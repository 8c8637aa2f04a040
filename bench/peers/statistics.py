"""What an analyst types for the same number: numpy, pandas, scipy and scikit-learn over a whole window, collections where
a window is kept by hand. Nanoseconds a value, or a read where a read computes everything anew."""
import json, subprocess

from kit import Unmeasured

CODE = r"""
import collections, json, math, sys, time, warnings
warnings.simplefilter("ignore")
import numpy, pandas
random = numpy.random.default_rng(1)
out = {}

def take(name, per, work, least=0.2):
    work()
    runs = []
    for _ in range(RUNS):
        done, begin = 0, time.process_time()
        while True:
            work()
            done += 1
            took = time.process_time() - begin
            if took > least:
                break
        runs.append(took / done / per * 1e9)
    out[name] = runs

x = numpy.exp(3 + 0.8 * random.standard_normal(8192))
reference = numpy.exp(3 + 0.8 * random.standard_normal(10000))
WANTED = set(sys.argv[2].split(","))

if "small" in WANTED:
    hits = [int(v) for v in random.random(8192) < 0.05]
    def share():
        window, up = collections.deque([0] * 1000), 0
        for v in hits:
            window.append(v)
            up += v - window.popleft()
    take("a deque and its sum", 8192, share)
    values = x.tolist()
    take("math.fsum (exact)", 8192, lambda: math.fsum(values))
    take("numpy.sum (rounds)", 8192, lambda: numpy.sum(x))
    def welford():
        n, mean, m2 = 0, 0.0, 0.0
        for v in values:
            n += 1
            d = v - mean
            mean += d / n
            m2 += d * (v - mean)
    take("Welford in Python", 8192, welford)
    take("numpy.std", 8192, lambda: numpy.std(x, ddof=1))
    edges = numpy.quantile(reference, numpy.linspace(0, 1, 21)[1:-1])
    p = numpy.full(20, 0.05)
    take("numpy.searchsorted and bincount", 8192, lambda: numpy.bincount(numpy.searchsorted(edges, x, side="right"), minlength=20))
    counts = numpy.bincount(numpy.searchsorted(edges, x, side="right"), minlength=20)
    def psi():
        q = (counts + 0.5) / (counts.sum() + 10)
        return ((q - p) * numpy.log(q / p)).sum()
    take("numpy formula of 20 bins", 1, psi)
    long = numpy.exp(3 + 0.8 * random.standard_normal(8060))
    take("numpy.quantile of 8,060 values", 1, lambda: numpy.quantile(long, 0.95))
    series = pandas.Series(numpy.exp(3 + 0.8 * random.standard_normal(30000)))
    take("pandas rolling quantile, a row", 30000, lambda: series.rolling(8060).quantile(0.95))
    users = random.integers(0, 100000, 8192)
    as_list = users.tolist()
    def one_set():
        seen = set()
        for v in as_list:
            seen.add(v)
    take("a set in Python", 8192, one_set)
    take("pandas.unique", 8192, lambda: pandas.unique(users))

if "windows" in WANTED:
    import scipy.stats, sklearn.metrics
    for n in (1000, 10000, 100000):
        score = random.random(n)
        y = random.random(n) < 0.1 + 0.5 * score
        take("sklearn.roc_auc_score of %d" % n, 1, lambda: sklearn.metrics.roc_auc_score(y, score))
    a = numpy.exp(3 + 0.8 * random.standard_normal(100000))
    take("scipy.stats.ks_2samp of 100,000", 1, lambda: scipy.stats.ks_2samp(a, reference, mode="asymp"))
    take("numpy.quantile of 100,000 values", 1, lambda: numpy.quantile(a, 0.95))
    for n in (252, 100000):
        rows = pandas.Series(numpy.exp(3 + 0.8 * random.standard_normal(n + 2000)))
        take("pandas rolling rank of %d, a row" % n, len(rows), lambda: rows.rolling(n).rank())

if "detectors" in WANTED:
    import scipy.stats
    plain = pandas.Series(50 + random.standard_normal(4096))
    take("pandas ewm mean and deviation, a value", 4096, lambda: (plain.ewm(alpha=0.002).mean(), plain.ewm(alpha=0.002).std()))
    short = 50 + random.standard_normal(240)
    take("scipy median_abs_deviation of 240", 1, lambda: (numpy.median(short), scipy.stats.median_abs_deviation(short)))
    take("scipy chi2.isf", 1, lambda: scipy.stats.chi2.isf(1e-5, 9))
    take("scipy kstwobign.isf", 1, lambda: scipy.stats.kstwobign.isf(1e-5))
    take("scipy binom.isf", 1, lambda: scipy.stats.binom.isf(1e-5, 8192, 0.05))
    take("scipy norm.isf", 1, lambda: scipy.stats.norm.isf(1e-5))

if "wide" in WANTED:
    table = random.standard_normal((100, 30000))
    columns = [numpy.quantile(random.standard_normal(2000), numpy.linspace(0, 1, 11)[1:-1]) for _ in range(100)]
    take("numpy, a value of a column", table.size,
         lambda: [numpy.bincount(numpy.searchsorted(e, c, side="right"), minlength=10) for e, c in zip(columns, table)])

if "batch" in WANTED:
    import sklearn.metrics
    n = 10_000_000
    score = random.random(n)
    y = random.random(n) < 0.1 + 0.5 * score
    edges = numpy.quantile(score[:100000], numpy.linspace(0, 1, 11)[1:-1])
    take("sklearn.roc_auc_score of 10,000,000", 1, lambda: sklearn.metrics.roc_auc_score(y, score))
    take("numpy PSI of 10,000,000", 1, lambda: numpy.bincount(numpy.searchsorted(edges, score, side="right"), minlength=10))
print(json.dumps(out))
"""


def measured(bench, what):
    """{name: [ns]} of a group: small, windows, detectors, wide, batch."""
    code = f"RUNS = {1 if what == 'batch' else bench.runs}\n" + CODE
    words = ["/usr/bin/python3", "-c", code, "-", what]
    ran = subprocess.run(bench.on_engine_core(words), capture_output=True, text=True, timeout=240)
    if ran.returncode != 0:
        raise Unmeasured((ran.stderr.strip().splitlines() or ["ended without a word"])[-1][-120:])
    return json.loads(ran.stdout)


def one(bench, what, name, scale):
    """The figures of one name, in ns * scale; a group is measured once a run."""
    values, why = bench.beside(f"numpy and others, {what}", lambda b: [measured(b, what)])
    if not values:
        raise Unmeasured(why)
    return [v * scale for v in values[0][name]]
