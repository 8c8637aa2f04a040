"""Thresholds that must hold for a while, on measured series with labelled faults: each transition, and how many firings
fall in the windows that people marked."""
import json

from figures import Backtest, Figures, root

figures = Figures("nab")
labels = json.loads((figures.data / "nab/labels.json").read_text())
pack = root / "tests/packs/nab-figures"


def plain(instant):
    return instant.replace("T", " ").rstrip("Z") if instant else None


for name, expected in figures.expected.items():
    rules = list(expected["rules"])
    file = {"series": figures.data / f"nab/{name}.csv.gz"}
    back = Backtest(pack, file, ["min", "max", "p95", "p95-rank", "repeated"] + [f"bad {r}" for r in rules], to="2014-07-20")
    # The rules run to the last sample: a rule that is pending there would fire when its time is up.
    judged = Backtest(pack, file, rules)
    at_end = back["p95"].ok()[-1]
    samples = [row[0] for row in judged[rules[0]].ok()]
    figures.same(name, {"rows": back.records - back.rejected, "first": plain(samples[0]), "last": plain(samples[-1]),
                        "min": back["min"].ok()[-1][1], "max": back["max"].ok()[-1][1],
                        "p95": {"linear": at_end[1], "nearest_rank": back["p95-rank"].ok()[-1][1]}})
    repeated = back["repeated"].rows[-1]
    figures.same(f"{name}/dup_or_backward", repeated[1] * repeated[2])
    silences = [span for span in judged["silence"].spans if span["to"]]
    figures.same(f"{name}/gaps_gt_step", len(silences))
    windows = [[w.replace(" ", "T")[:19] + "Z" for w in window] for window in labels[name]["windows"]]
    for rule in rules:
        monitor = judged[rule]
        events = []
        for span in monitor.spans:
            if span["pending_from"] != span["from"]:
                events.append([span["pending_from"], "pending"])
            events.append([span["from"], "firing"])
            if span["to"]:
                events.append([span["to"], "inactive"])
        for span in monitor.pending:
            events.append([span["from"], "pending"])
            if span["to"]:
                events.append([span["to"], "inactive"])
        order = {"inactive": 0, "pending": 1, "firing": 2}
        events.sort(key=lambda e: (e[0], order[e[1]]))
        firings = [span["from"] for span in monitor.spans]
        inside = [[w for w in windows if w[0] <= at <= w[1]] for at in firings]
        path = f"{name}/rules/{rule}"
        figures.same(path, {
            # shown although `insufficient`: the window is longer than the series
            "bad_samples": back[f"bad {rule}"].rows[-1][1],
            "pending_episodes": len(monitor.pending) + len(firings), "firings": len(firings),
            "first_firing": plain(firings[0]) if firings else None,
            "last_firing": plain(firings[-1]) if firings else None,
            "in_label_windows": [sum(bool(w) for w in inside), len(firings)],
            "windows_hit": [sum(any(w in found for found in inside) for w in windows), len(windows)],
            "events": [[plain(at), state] for at, state in events[:24]], "n_events": len(events)})

figures.no_metric("the usual step between samples: no metric has the time between rows", "*/step_mode_s")
figures.finish()
