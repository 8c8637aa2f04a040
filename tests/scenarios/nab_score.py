"""The score of the Numenta Anomaly Benchmark, of its published description (Lavin and Ahmad, ICMLA 2015): what a detector
that gives each value of a series a score is worth on series with marked windows, for three weighings of mistakes.

A window is worth most to who finds it early, by a sigmoid over its length; a detection after it costs the same sigmoid
going down to -1, one before any window costs 1; a window nobody found costs 1. The first 15 % of a series (750 values at
most) is for learning and does not count. One threshold for all series, the best there is for each weighing. 0 is a
detector that never fires, 100 one that fires at the first value of each window and nowhere else."""
import bisect
import math

# What a found window, a false alarm and a missed window count.
PROFILES = {"standard": (1.0, 0.11, 1.0), "reward_low_FP_rate": (1.0, 0.22, 1.0), "reward_low_FN_rate": (1.0, 0.11, 2.0)}
LEARNING_SHARE, LEARNING_ROWS = 0.15, 5000


def sigmoid(position):
    """From 1 far before the end of a window (position 0) to -1 far behind it."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


class Series:
    """A series' values by index; windows are (first, last), in order, both ends inside. What a detection at an index is
    worth does not depend on the others, but for the rule that a window counts once, by its best."""

    def __init__(self, length, windows):
        self.windows = [tuple(window) for window in windows]
        self.learning = math.floor(LEARNING_SHARE * min(length, LEARNING_ROWS))
        self.worth, self.window_at = [], []  # by index; number of the window, or None outside
        current = 0
        for i in range(length):
            while current < len(windows) and i > windows[current][1]:
                current += 1
            inside = current < len(windows) and i >= windows[current][0]
            self.window_at.append(current if inside else None)
            if inside:
                first, last = windows[current]
                self.worth.append(sigmoid(-(last - i + 1) / (last - first + 1)) / sigmoid(-1))
            elif current == 0:
                self.worth.append(-1.0)
            else:
                first, last = windows[current - 1]
                self.worth.append(sigmoid((i - last) / max(1, last - first)))

    def parts(self, detections):
        """(worth of the windows found, worth of the false alarms, windows missed) of detections, ascending indices."""
        found, false = {}, 0.0
        for i in detections:
            if i < self.learning:
                continue
            window = self.window_at[i]
            if window is None:
                false += self.worth[i]
            else:
                found[window] = max(found.get(window, -1.0), self.worth[i])
        return sum(found.values()), false, len(self.windows) - len(found)


def events(indices, quiet):
    """Of ascending indices those that begin an event: further ones less than `quiet` values behind one belong to it."""
    if quiet <= 1:
        yield from indices
        return
    at = 0
    while at < len(indices):
        yield indices[at]
        at = bisect.bisect_left(indices, indices[at] + quiet, at + 1)


def normalised(profile, parts, windows):
    found_weight, false_weight, missed_weight = PROFILES[profile]
    found, false, missed = parts
    score = found_weight * found + false_weight * false - missed_weight * missed
    nothing, perfect = -missed_weight * windows, found_weight * windows
    return 100 * (score - nothing) / (perfect - nothing)


def score(corpus, quiet=0):
    """{profile: (score, threshold)} of [(Series, scores by index)]: for each profile the best threshold over the whole
    corpus, a value firing when its score reaches it. None as a score never fires. `quiet` as in events()."""
    windows = sum(len(series.windows) for series, _ in corpus)
    points = sorted(((s, f, i) for f, (series, scores) in enumerate(corpus) for i, s in enumerate(scores)
                     if s is not None and i >= series.learning), reverse=True)
    firing = [[] for _ in corpus]  # indices by series, ascending
    parts = [series.parts([]) for series, _ in corpus]
    best = {profile: (0.0, math.inf) for profile in PROFILES}
    total = [sum(part[k] for part in parts) for k in range(3)]
    at = 0
    while at < len(points):
        threshold, touched = points[at][0], set()
        while at < len(points) and points[at][0] == threshold:
            _, f, i = points[at]
            bisect.insort(firing[f], i)
            touched.add(f)
            at += 1
        for f in touched:
            parts[f] = corpus[f][0].parts(events(firing[f], quiet))
        total = [math.fsum(part[k] for part in parts) for k in range(3)]
        for profile in PROFILES:
            value = normalised(profile, total, windows)
            if value > best[profile][0]:
                best[profile] = (value, threshold)
        # False alarms only grow as the threshold falls when each value is its own event.
        if quiet <= 1 and all(normalised(p, (windows, total[1], 0), windows) < best[p][0] for p in PROFILES):
            break
    return best
