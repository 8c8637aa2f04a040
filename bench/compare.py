"""Two revisions in turn, A B A B, so that a noisy neighbour meets both; and instruction counts, which repeat.

The other revision is built in a git worktree under build/compare. Both run the rows of this tree, so a row must speak
only of what both understand; where one does not, the row says so.
"""
import os, re, statistics, subprocess

import packs
from kit import Unmeasured, say

DEFAULT = ["T1", "T5", "T10", "T11"]
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def git(*words, **more):
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True, **more).stdout.strip()


def build(revision):
    """The release binary of a revision, in a worktree of its own that is kept for the next comparison."""
    commit = git("rev-parse", "--short", revision + "^{commit}")
    folder = os.path.join(ROOT, "build", "compare", commit)
    if not os.path.isdir(folder):
        git("worktree", "prune")
        git("worktree", "add", "--detach", "--quiet", folder, commit)
    say(f"building {revision} ({commit}) in build/compare")
    for words in (["cmake", "--preset", "release", "-DTIDEWATCH_TESTS=OFF"], ["ninja", "-C", "build/release", "--quiet", "tidewatch"]):
        ran = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        if ran.returncode != 0:
            raise SystemExit(f"{revision} does not build:\n" + (ran.stdout + ran.stderr)[-2000:])
    return os.path.join(folder, "build", "release", "tidewatch")


def in_turn(bench, binaries, wanted, measure):
    """Lines by (row, place in the row) -> the line, and a list of values for each binary."""
    values = {}
    bench.peers = False
    for turn in range(2 if bench.quick else 3):
        for which, binary in enumerate(binaries):
            say(f"turn {turn + 1}, {'AB'[which]}")
            bench.binary, bench.rows, bench.runs = binary, [], 1
            measure(bench, wanted)
            for at, row in enumerate(bench.rows):
                nth = sum(before["row"] == row["row"] for before in bench.rows[:at])
                place = values.setdefault((row["row"], nth), {"row": row, 0: [], 1: []})
                place[which] += row["ours"]
                if not row["ours"] and row["note"]:
                    say(f"    {row['row']} {'AB'[which]}: {row['note']}")
    return values


def count_instructions(binary, pack, file, folder, stream):
    """Instructions of one backtest, by callgrind."""
    out = os.path.join(folder, "callgrind.out")
    ran = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", binary, "backtest", pack, "--data",
                          f"{stream}={file}", "--json"], capture_output=True, text=True, timeout=600)
    found = re.search(r"Collected : (\d+)", ran.stderr)
    if ran.returncode != 0 or not found:
        raise Unmeasured("callgrind: " + ran.stderr.strip()[-200:])
    return int(found.group(1))


def instructions(bench, binaries):
    """Two lengths of each job, so that loading and starting fall out of the difference."""
    jobs = (("a record, 10 metrics x 1,800 label sets", packs.ten_metrics(), "predictions", dict(), 5_000, 25_000, 1),
            ("an evaluation, Lua closure, three reads", packs.judges(200, "closure"), "values", dict(shape="value", segments=1, step_us=60_000_000), 20, 120, 200),
            ("an evaluation, native :lasting", packs.judges(200, "native"), "values", dict(shape="value", segments=1, step_us=60_000_000), 20, 120, 200))
    for name, text, stream, flags, few, many, each in jobs:
        counts = []
        for binary in binaries:
            bench.binary = binary
            try:
                pack = bench.pack(text)
                runs = [count_instructions(binary, pack, bench.records(count=n, **flags), bench.folder, stream) for n in (few, many)]
                counts.append((runs[1] - runs[0]) / (many - few) / each)
            except (Unmeasured, subprocess.SubprocessError) as error:
                say(str(error))
                counts.append(None)
        words = "  ".join("not measured" if c is None else f"{c:,.0f}" for c in counts)
        change = f"  {counts[0] / counts[1]:.3f}" if len(counts) == 2 and None not in counts else ""
        print(f"instructions {name}: {words}{change}")


def run(bench, revision, wanted, measure, with_instructions):
    binaries = [bench.binary] + ([build(revision)] if revision else [])
    if revision:
        values = in_turn(bench, binaries, wanted, measure)
        print(f"A = this tree, B = {revision}; above 1 A is better. Range: every A beside every B.")
        print(f"{'row':4} {'A':>12} {'B':>12}  {'unit':11} {'A to B':>7}  range")
        for (name, _), place in values.items():
            quantity, a, b, less = place["row"]["quantity"], place[0], place[1], place["row"]["less_is_better"]
            if not a or not b:
                print(f"{name:4} not measured on {'A' if not a else 'B'}: {quantity}")
                continue
            better = lambda x, y: y / max(x, 1e-12) if less else x / max(y, 1e-12)
            pairs = [better(x, y) for x in a for y in b]
            print(f"{name:4} {statistics.median(a):12.4g} {statistics.median(b):12.4g}  {place['row']['unit']:11} "
                  f"{better(statistics.median(a), statistics.median(b)):7.3f}  [{min(pairs):.3f}-{max(pairs):.3f}]  {quantity}")
    if with_instructions:
        instructions(bench, binaries)
