"""pandas.read_json, what an analyst types to read NDJSON. It only reads."""
import subprocess

from kit import Unmeasured

CODE = ("import sys,time,pandas\nt=time.monotonic()\nn=len(pandas.read_json(sys.argv[1],lines=True))\n"
        "print(n/(time.monotonic()-t)/1e6)")


def read_json(bench, file, _count):
    rates = []
    for _ in range(1 if bench.quick else 2):
        ran = subprocess.run(bench.on_engine_core(["/usr/bin/python3", "-c", CODE, file]), capture_output=True, text=True, timeout=120)
        if ran.returncode != 0:
            raise Unmeasured(ran.stderr.strip()[-100:])
        rates.append(float(ran.stdout))
    return rates
