"""Our alert states against Prometheus's own: random rules over random series, every step of every one.

tests/tools/alert_timeline computes our states; they go as expectations into a promtool unit-test file, and promtool
itself judges. Random series rather than recorded ones, because the corners (a gap that ends at the lookback, a keep
that is interrupted) are rare in nature. Needs promtool 2.42 (package `prometheus`): version 3 looks back exclusively.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

LOOKBACK_S = 300
RULES_PER_FILE = 50
STEPS = 60


def random_values(generator, step):
    """A series that moves about its own scale, a third of them with gaps; null is no sample, "stale" ends the series."""
    kind = generator.choice(["walk", "levels", "noise"])
    level, values = generator.randint(0, 20), []
    for _ in range(STEPS):
        if kind == "walk":
            level = max(0, min(20, level + generator.randint(-3, 3)))
        elif kind == "noise" or generator.random() < 0.15:
            level = generator.randint(0, 20)
        values.append(level)
    if generator.random() < 0.35:
        for _ in range(generator.randint(1, 3)):
            steps = generator.choice([1, 2, 5, 330 // step, 600 // step])
            start = generator.randrange(STEPS)
            if start == 0 or generator.random() < 0.25:
                marks = ["stale" if start else None]
            else:
                marks = []
            marks += [None] * (steps - len(marks))
            for offset, mark in enumerate(marks[:steps]):
                if start + offset < STEPS:
                    values[start + offset] = mark
    return values


def random_case(generator, step):
    values = random_values(generator, step)
    present = sorted(v for v in values if isinstance(v, int)) or [1]
    return {
        "op": generator.choice([">", "<"]),
        "threshold": present[int(generator.random() * len(present))],
        "for_s": generator.choice([0, step, 2 * step, 3 * step, 120, 300]),
        "keep_firing_for_s": generator.choice([0, 2 * step, 5 * step]),
        "step_s": step,
        "values": values,
    }


def our_states(tool, cases):
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run([tool], input=lines, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("alert_timeline failed: " + done.stderr)
    states = done.stdout.split("\n")[:-1]
    for case, line in zip(cases, states):
        if len(line) != len(case["values"]):
            sys.exit("alert_timeline answered %d states for %d values" % (len(line), len(case["values"])))
    if len(states) != len(cases):
        sys.exit("alert_timeline answered %d lines for %d cases" % (len(states), len(cases)))
    return states


def write_files(folder, number, cases, states):
    step = cases[0]["step_s"]
    rules = ["groups:", "- name: generated", "  rules:"]
    series = []
    for i, case in enumerate(cases):
        rules += ["  - alert: a%d" % i, "    expr: m%d %s %s" % (i, case["op"], case["threshold"]),
                  "    for: %ds" % case["for_s"], "    keep_firing_for: %ds" % case["keep_firing_for_s"]]
        values = " ".join("_" if v is None else str(v) for v in case["values"])
        series += ["  - series: m%d" % i, "    values: '%s'" % values]
    rules_name, test_name = "rules_%d.yml" % number, os.path.join(folder, "test_%d.yml" % number)
    with open(os.path.join(folder, rules_name), "w") as file:
        file.write("\n".join(rules) + "\n")
    test = ["rule_files: [%s]" % rules_name, "evaluation_interval: %ds" % step, "tests:",
            "- interval: %ds" % step, "  input_series:"] + series + ["  promql_expr_test:"]
    for k in range(STEPS):
        test += ["  - expr: ALERTS", "    eval_time: %ds" % (k * step)]
        samples = []
        for i, line in enumerate(states):
            name = {"P": "pending", "F": "firing"}.get(line[k])
            if name:
                samples += ["    - labels: 'ALERTS{alertname=\"a%d\", alertstate=\"%s\"}'" % (i, name), "      value: 1"]
        test += ["    exp_samples:" + ("" if samples else " []")] + samples
    with open(test_name, "w") as file:
        file.write("\n".join(test) + "\n")
    return test_name


def has_kept(case, line):
    """True when a step fires though the value judged there is not true: only keep_firing does that."""
    last, last_at = None, 0
    for k, value in enumerate(case["values"]):
        if value == "stale":
            last = None
        elif value is not None:
            last, last_at = value, k
        seen = last is not None and (k - last_at) * case["step_s"] <= LOOKBACK_S
        raw = seen and (last > case["threshold"] if case["op"] == ">" else last < case["threshold"])
        if line[k] == "F" and not raw:
            return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", help="the tidewatch binary (not needed here)")
    parser.add_argument("--build", required=True, help="the build folder")
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--promtool", default="/usr/bin/promtool")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(2**32)
    print("seed %d, %d cases" % (seed, arguments.cases))
    tool = os.path.join(arguments.build, "tests", "alert_timeline")
    if not os.path.exists(arguments.promtool):
        sys.exit("%s is missing: install the package prometheus (2.42)" % arguments.promtool)
    if not os.path.exists(tool):
        sys.exit("%s is missing: build the target alert_timeline" % tool)

    generator = random.Random(seed)
    fired = kept = total = wrong = 0
    while total < arguments.cases:
        step = generator.choice([15, 30, 60])
        cases = [random_case(generator, step) for _ in range(min(RULES_PER_FILE, arguments.cases - total))]
        states = our_states(tool, cases)
        fired += sum("F" in line for line in states)
        kept += sum(has_kept(case, line) for case, line in zip(cases, states))
        with tempfile.TemporaryDirectory() as folder:
            test = write_files(folder, total // RULES_PER_FILE, cases, states)
            done = subprocess.run([arguments.promtool, "test", "rules", test], capture_output=True, text=True, cwd=folder)
            if done.returncode != 0:
                wrong += 1
                print("promtool disagrees in cases %d..%d:" % (total, total + len(cases) - 1))
                print((done.stdout + done.stderr)[:4000])
        total += len(cases)
    print("%d cases, %d fired, %d kept firing, %d files with a mismatch" % (total, fired, kept, wrong))
    if wrong:
        sys.exit(1)
    if fired < 0.3 * total or kept < 0.1 * total:
        sys.exit("too few fire (%d of %d, 30 %% wanted) or keep firing (%d, 10 %% wanted): the run proves nothing"
                 % (fired, total, kept))


if __name__ == "__main__":
    main()
