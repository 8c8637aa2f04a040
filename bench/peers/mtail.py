"""mtail reads lines by regular expressions: the nearest log-to-metrics tool, over the same records."""
import os, subprocess, time

from kit import Unmeasured

PROGRAM = r"""
counter records by model, region
counter errors by model
histogram latency buckets 1, 2, 5, 10, 20, 50, 100, 200, 500 by model
gauge score by model
/"model":"(?P<model>[^"]+)".*"region":"(?P<region>[^"]+)".*"pred":(?P<pred>[0-9.]+),.*"latency_ms":(?P<took>[0-9.]+),"status":(?P<status>\d+)/ {
  records[$model][$region]++
  latency[$model] = $took
  score[$model] = $pred
  $status >= 500 {
    errors[$model]++
  }
}
"""


def one_shot(bench):
    """Million lines a second of `--one_shot` on one core, the start subtracted by a run over one line."""
    count = 200_000
    file, folder = bench.records(count=count), bench.fresh("mtail")
    with open(os.path.join(folder, "watch.mtail"), "w") as out:
        out.write(PROGRAM)

    def seconds(lines):
        log = os.path.join(folder, f"{lines}.log")
        with open(file) as records, open(log, "w") as out:
            for _ in range(lines):
                out.write(records.readline())
        clock = time.monotonic()
        ran = subprocess.run(bench.on_engine_core(["mtail", "--one_shot", "--progs", folder, "--logs", log, "--port", "0",
                                                   "--address", "127.0.0.1"]), capture_output=True, text=True, timeout=60)
        if ran.returncode != 0 or "records" not in ran.stdout:
            raise Unmeasured("mtail counted nothing: " + ran.stderr[-100:])
        return time.monotonic() - clock

    start = seconds(1)
    return [count / max(1e-3, seconds(count) - start) / 1e6]
