"""What the stock anomaly pack, as it is shipped, is worth by the benchmark's own rule on the measured series of the data
folder; and that the rule is right, by answers that can be worked out on paper."""
import csv
import gzip
import json
import math
import random

from figures import Backtest, data_folder, root
from nab_score import PROFILES, Series, events, normalised, score, sigmoid

# What was measured; a detector that finds less or cries more often shows here. Rows of the benchmark that are not in
# the folder are not in these.
FLOORS = {"standard": 40.5, "reward_low_FP_rate": 30.0, "reward_low_FN_rate": 49.5}
FLOORS_OF_EVENTS = {"standard": 49.0, "reward_low_FP_rate": 37.0, "reward_low_FN_rate": 55.0}
ONE_EVENT = 200  # values


def close(got, want, what):
    assert abs(got - want) < 5e-7, f"{what}: expected {want}, got {got}"


def one(length, windows, firing):
    """Standard, low-FP and low-FN score of one series that fires at these indices and nowhere else."""
    scores = [None] * length
    for i in firing:
        scores[i] = 1.0
    best = score([(Series(length, windows), scores)])
    return [best[profile][0] for profile in PROFILES]


def the_rule_is_right():
    close(sigmoid(0), 0, "the end of a window")
    close(sigmoid(-1), 0.9866143, "its beginning")
    close(sigmoid(1), -0.9866143, "as far behind it")
    assert sigmoid(3.5) == -1
    windows = [(20, 29), (60, 79)]
    nothing, perfect = one(100, windows, []), one(100, windows, [20, 60])
    assert nothing == [0, 0, 0], nothing
    for got in perfect:
        close(got, 100, "a detector without fault")
    series = Series(100, windows)
    assert series.learning == 15 and Series(20000, []).learning == 750
    # 2 / (1 + e^-3) - 1 over that at the beginning: six of ten values before the end.
    close(series.worth[24], 0.9051483 / 0.9866143, "inside a window")
    close(series.worth[29], 0.2449187 / 0.9866143, "its last value")
    close(series.worth[38], -0.9866143, "a window's length behind it")
    close(series.worth[30], -math.tanh(2.5 / 9), "just behind it")
    assert series.worth[19] == -1
    # One window found at once, one missed: (1 - 1) of 2, (1 - 2) of 2 where a miss counts double.
    close(one(100, windows, [20])[0], 50, "one of two windows")
    close(one(100, windows, [20])[2], 50, "one of two windows, misses dear")
    # A false alarm before any window costs its whole weight: (1 - 0.11 + 1) / 2 and so on.
    for got, want in zip(one(100, [(20, 29)], [17, 20]), (94.5, 89, 100 * 2.89 / 3)):
        close(got, want, "a false alarm and a window")
    # A window counts once, by its first detection, and what fires while learning counts for nothing.
    for got in one(100, [(20, 29)], [3, 14, 20, 21, 25]):
        close(got, 100, "a window found five times")
    # A threshold is one for all: 0.9 finds both windows and one false alarm, 1.0 only the first window.
    corpus = [(Series(100, [(20, 29)]), [None] * 17 + [0.9] + [None] * 2 + [1.0] + [None] * 79),
              (Series(100, [(20, 29)]), [None] * 20 + [0.9] + [None] * 79)]
    best = score(corpus)
    assert best["standard"][1] == 0.9
    close(best["standard"][0], 100 * (2 - 0.11 + 2) / 4, "one threshold for two series")
    # Values of one score fire together or not at all.
    assert score([(Series(100, [(20, 29)]), [None] * 15 + [0.5] * 85)])["standard"][0] < 1
    assert list(events([1, 3, 4, 6, 9], 3)) == [1, 4, 9] and list(events([1, 2], 0)) == [1, 2]
    # The best threshold by sweeping is the best by trying each.
    random.seed(20)
    for _ in range(40):
        corpus = [(Series(200, [(60, 80), (130, 150)][:random.randint(0, 2)]),
                   [random.choice([None, random.randint(0, 30), random.randint(0, 30)]) for _ in range(200)])
                  for _ in range(3)]
        count = sum(len(series.windows) for series, _ in corpus)
        if not count:
            continue
        for quiet in (0, 7):
            swept = score(corpus, quiet)
            for profile in PROFILES:
                tried = [0.0]
                for threshold in range(31):
                    parts = [series.parts(events([i for i, s in enumerate(scores) if i >= series.learning
                                                  and s is not None and s >= threshold], quiet)) for series, scores in corpus]
                    tried.append(normalised(profile, [sum(p[k] for p in parts) for k in range(3)], count))
                close(swept[profile][0], max(tried), f"{profile}, quiet {quiet}")


def ewma(values, decay=0.002, warm=150):
    """What the stock detector says it computes, from its sentence in the reference."""
    first = values[:warm]
    mean = math.fsum(first) / warm
    variance = math.fsum((x - mean) ** 2 for x in first) / warm
    scores = [None] * warm
    for x in values[warm:]:
        scores.append((x - mean) / max(math.sqrt(variance), 1e-9 * max(1, abs(mean))))
        step = x - mean
        mean += decay * step
        variance = (1 - decay) * (variance + decay * step * step)
    return scores


def scored(pack, file):
    """The pack's score of each value of the file, its distance from 0; None where it gave none."""
    with gzip.open(file, "rt") as rows:
        table = list(csv.DictReader(rows))
    stamps = [row["timestamp"].replace(" ", "T")[:19] for row in table]
    back = Backtest(pack, {"series": file}, ["anomaly"])
    assert back.rejected == 0 and back.records == len(stamps), file.name
    by_stamp = {at[:19]: value for at, value, _, status in back["anomaly"].rows if status == "ok" and value is not None}
    if len(set(stamps)) == len(stamps):
        for stamp, want in zip(stamps, ewma([float(row["value"]) for row in table])):
            got = by_stamp.get(stamp)
            assert (got is None) == (want is None), f"{file.name}, {stamp}: expected {want}, got {got}"
            assert got is None or abs(got - want) <= 1e-6 * max(1, abs(want)), f"{file.name}, {stamp}: expected {want}, got {got}"
    return stamps, [abs(by_stamp[stamp]) if stamp in by_stamp else None for stamp in stamps]


def the_pack_is_worth_what_was_measured():
    data = data_folder()
    labels = json.loads((data / "nab/labels.json").read_text())
    pack = root / "tests/packs/nab-anomaly"
    corpus, rows = [], 0
    for name, label in sorted(labels.items()):
        stamps, scores = scored(pack, data / f"nab/{name}.csv.gz")
        windows = []
        for first, last in label["windows"]:
            first, last = (bound.replace(" ", "T")[:19] for bound in (first, last))
            inside = [i for i, stamp in enumerate(stamps) if first <= stamp <= last]
            windows.append((inside[0], inside[-1]))
        rows += len(stamps)
        corpus.append((Series(len(stamps), windows), scores))
        print(f"  {name}: {len(stamps)} values, {sum(s is not None for s in scores)} scored, {len(windows)} windows")
    print(f"{len(corpus)} series, {rows} values, {sum(len(s.windows) for s, _ in corpus)} windows")
    for what, quiet, floors in (("each value", 0, FLOORS), (f"events of {ONE_EVENT} values", ONE_EVENT, FLOORS_OF_EVENTS)):
        best = score(corpus, quiet)
        for profile, (value, threshold) in best.items():
            print(f"  {profile}, {what}: {value:.2f} at a score of {threshold:.2f}")
        for profile, floor in floors.items():
            assert best[profile][0] >= floor, f"{profile}, {what}: {best[profile][0]:.2f}, expected at least {floor}"


the_rule_is_right()
print("the rule gives the answers worked out on paper")
the_pack_is_worth_what_was_measured()
