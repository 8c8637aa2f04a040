"""`./dev bench`: speed beside peers, ratios from one run. rows/ measures, peers/ measures others, this prints.

Machines differ and are noisy, ratios repeat: every figure stands beside a peer measured in the same run, as median and
range. Nothing fails on a time; a row that could not be measured says why. docs/performance.md says how to read it.
"""
import argparse, json, os, statistics, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare
from kit import Bench, Unmeasured, say
from rows import alerts, evaluation, ingest, life, metrics

ROWS = {**ingest.ROWS, **evaluation.ROWS, **alerts.ROWS, **life.ROWS, **metrics.ROWS}


def place_of(name):
    """T1 to T18, then M1 to M11."""
    return name[0] != "T", int(name[1:])


def spread(values):
    if not values:
        return "not measured"
    middle = statistics.median(values)
    digits = 0 if middle >= 1000 else 1 if middle >= 100 else 2 if middle >= 0.1 else 4
    text = f"{middle:,.{digits}f}"
    return text if len(values) == 1 else f"{text} [{min(values):,.{digits}f}-{max(values):,.{digits}f}]"


def share_of_must(row):
    """How much of the must is reached, above 1 is better, whichever way the quantity counts."""
    if not row["ours"] or not row["must"]:
        return None
    ours = statistics.median(row["ours"])
    return row["must"] / max(ours, 1e-12) if row["less_is_better"] else ours / row["must"]


def ratio(row, peer):
    """How many times better than the peer."""
    if not row["ours"]:
        return None
    ours, peer = statistics.median(row["ours"]), statistics.median(peer["values"])
    return peer / max(ours, 1e-12) if row["less_is_better"] else ours / max(peer, 1e-12)


def times(value):
    return "-" if value is None else f"{value:.2f}x" if value < 10 else f"{value:,.0f}x"


def print_table(rows):
    print(f"{'row':4} {'median [range]':>24}  {'unit':11} {'must/aim':>8} {'of must':>8}")
    for row in rows:
        target = "/".join(f"{x:g}" for x in (row["must"], row["aim"]) if x is not None) or "-"
        print(f"{row['row']:4} {spread(row['ours']):>24}  {row['unit']:11} {target:>8} {times(share_of_must(row)):>8}  {row['quantity']}")
        for peer in row["peers"]:
            print(f"     {spread(peer['values']):>24}  {'':11} {'':8} {times(ratio(row, peer)):>8}  better than {peer['name']}")
        for name in ("bound", "note"):
            if row[name]:
                print(f"{'':33}{name}: {row[name].strip()}")
    below = sorted({row["row"] for row in rows if (share_of_must(row) or 1) < 1}, key=place_of)
    if below:
        print("\nbelow must: " + " ".join(below))


def print_markdown(rows):
    print("| row | quantity | ours | unit | must / aim | of must | peers, and how many times better | bound |\n|---|---|---|---|---|---|---|---|")
    for row in rows:
        target = " / ".join(f"{x:g}" for x in (row["must"], row["aim"]) if x is not None) or "-"
        peers = "<br>".join(f"{p['name']}: {spread(p['values'])}, {times(ratio(row, p))}" for p in row["peers"]) or "-"
        print(f"| {row['row']} | {row['quantity']} | {spread(row['ours'])} | {row['unit']} | {target} | {times(share_of_must(row))} | {peers} | {row['bound']} |")


def measure(bench, wanted):
    for name in wanted:
        bench.current = name
        if bench.left() < 5:
            bench.row("", [], "", note="not measured: out of time")
            continue
        say(f"{time.monotonic() - bench.began:4.0f} s  {name}: {ROWS[name].__doc__}")
        try:
            ROWS[name](bench)
        except (Unmeasured, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            bench.row("", [], "", note=f"not measured: {type(error).__name__ if not isinstance(error, Unmeasured) else ''} {str(error)[:300]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--tools", required=True, help="folder of load_records, load_post, load_receive")
    parser.add_argument("--only", default="", help="for example T1,T11")
    parser.add_argument("--quick", action="store_true", help="about three minutes: fewer repetitions, the slow peers left out")
    parser.add_argument("--runs", type=int, default=0, help="repetitions; 3, or 2 when quick")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", action="store_true", help="rows as JSON lines")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--compare", metavar="REV", help="build REV too and run both in turn; of --only, else " + ",".join(compare.DEFAULT))
    parser.add_argument("--instructions", action="store_true", help="with callgrind: instructions a record and an evaluation, repeatable")
    arguments = parser.parse_args()
    wanted = sorted(arguments.only.split(",") if arguments.only else compare.DEFAULT if arguments.compare else ROWS, key=place_of)
    unknown = [name for name in wanted if name not in ROWS]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; there are {' '.join(sorted(ROWS, key=place_of))}")
    began = time.monotonic()
    bench = Bench(arguments.binary, arguments.tools, arguments.quick, arguments.runs or (2 if arguments.quick else 3),
                  not arguments.no_peers, 180.0 if arguments.quick else 1200.0)
    try:
        if arguments.compare or arguments.instructions:
            compare.run(bench, arguments.compare, wanted, measure, arguments.instructions)
        else:
            load_before = os.getloadavg()[0]
            measure(bench, wanted)
            if arguments.json:
                for row in bench.rows:
                    print(json.dumps(row))
            else:
                (print_markdown if arguments.markdown else print_table)(bench.rows)
            if load_before > 0.5:
                say(f"the machine was busy when this began (load {load_before:.1f}): trust ratios before figures")
    finally:
        bench.close()
    say(f"took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
