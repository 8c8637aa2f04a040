"""Compares what packs read on real data with the figures of a folder's expected.json, each figure by its path
("by_month/2011-01/mae"). A figure is either compared or named as one that no metric gives, with the reason; one that is
neither fails the run, so a group cannot shrink in silence. The folder is named by TIDEWATCH_DATA and is no part of this
project: without it a run says so and succeeds."""
import argparse
import json
import os
import pathlib
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--build")
    return parser.parse_args()


def run(*command, expect=0):
    """The binary with these arguments; its standard output."""
    done = subprocess.run([arguments().binary, *command], capture_output=True, text=True, timeout=600)
    assert done.returncode == expect, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def data_folder():
    """The folder of real data; leaves with success and a message when there is none."""
    data = os.environ.get("TIDEWATCH_DATA")
    if not data:
        print("TIDEWATCH_DATA is not set: the figures on real data were not compared")
        sys.exit(0)
    return pathlib.Path(data)


class Monitor:
    """What one monitor (and label set) did in a backtest. `rows` are [instant, value, n, status] of each evaluation."""

    def __init__(self, answer):
        self.labels = answer["labels"]
        self.rows = answer.get("evaluated", [])
        self.spans = answer["severity_spans"]
        self.pending = answer["pending_spans"]

    def at(self, instant):
        """The first evaluation at or after this instant (text, compared as text)."""
        for row in self.rows:
            if row[0] >= instant:
                return row
        raise AssertionError(f"no evaluation at {instant}")

    def value(self, instant):
        return self.at(instant)[1]

    def ok(self):
        return [row for row in self.rows if row[3] == "ok"]


class Backtest:
    def __init__(self, pack, files, values, **options):
        command = ["backtest", str(pack), "--json"]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        for name in values:
            command += ["--values", name]
        for stream, file in files.items():
            command += ["--data", f"{stream}={file}"]
        answer = json.loads(run(*command))
        self.records, self.rejected = answer["records"], answer["rejected"]
        self.monitors = {}
        for m in answer["monitors"]:
            self.monitors.setdefault(m["monitor"], []).append(Monitor(m))

    def __getitem__(self, name):
        """The monitor; of a grouped one use group()."""
        found = self.monitors.get(name, [])
        assert len(found) == 1, f"monitor {name}: {len(found)} label sets"
        return found[0]

    def group(self, name, label):
        return {m.labels[label]: m for m in self.monitors.get(name, [])}


class Figures:
    def __init__(self, group):
        self.group, self.data = group, data_folder()
        self.expected = json.loads((self.data / "expected.json").read_text())[group]
        self.open, self.agreed, self.wrong, self.missing = {}, 0, [], {}
        self.flatten("", self.expected)
        self.all = len(self.open)

    def flatten(self, path, value):
        below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
        if below is None:
            self.open[path] = value
            return
        for name, inner in below:
            self.flatten(f"{path}/{name}" if path else str(name), inner)

    def same(self, path, got, digits=6):
        """The figure at `path`, or all below it when `got` has their shape. Numbers within half a unit of the last
        digit that was printed (`digits` after the point); anything else must be equal."""
        if isinstance(got, dict) or isinstance(got, (list, tuple)):
            for name, inner in got.items() if isinstance(got, dict) else enumerate(got):
                self.same(f"{path}/{name}", inner, digits)
            return
        if path not in self.open:
            self.wrong.append(f"{path}: got {got!r}, which the figures do not have")
            return
        want = self.open.pop(path)
        if isinstance(want, (int, float)) and isinstance(got, (int, float)):
            agrees = abs(got - want) <= 0.5 * 10.0 ** -digits + 1e-12 * abs(want)
        else:
            agrees = got == want
        if agrees:
            self.agreed += 1
        else:
            self.wrong.append(f"{path}: expected {want!r}, got {got!r}")

    def no_metric(self, why, *patterns):
        """Figures no metric gives. A pattern is a path in which * stands for any one part; all below it is meant."""
        for pattern in patterns:
            parts = pattern.split("/")
            found = [p for p in self.open if len(p.split("/")) >= len(parts)
                     and all(a in ("*", b) for a, b in zip(parts, p.split("/")))]
            assert found, f"{pattern}: no figure is left there"
            for path in found:
                del self.open[path]
            self.missing[why] = self.missing.get(why, 0) + len(found)

    def finish(self):
        for line in self.wrong[:40]:
            print("  differs:", line)
        for why, count in self.missing.items():
            print(f"  {count} without a metric: {why}")
        for path in list(self.open)[:40]:
            print("  neither compared nor named:", path)
        print(f"{self.group}: {self.agreed} of {self.all} figures agree")
        sys.exit(1 if self.wrong or self.open else 0)
