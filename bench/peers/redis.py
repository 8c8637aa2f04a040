"""Redis streams with fsync always: what a queue in front of an engine would cost to be as durable."""
import os, subprocess, time

from kit import Process, Unmeasured, free_port


def xadd(bench):
    """Million XADD a second of 250 bytes, 8 connections, 64 a pipeline."""
    port, folder, rates = free_port(), bench.fresh("redis"), []
    with Process(["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", "", "--appendonly", "yes",
                  "--appendfsync", "always", "--daemonize", "no"], bench.folder):
        time.sleep(0.5)
        for _ in range(1 if bench.quick else 3):
            ran = subprocess.run(bench.on_load_core(["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-n", "200000", "-c", "8", "-P", "64",
                                                     "--csv", "XADD", "s", "*", "d", "x" * 250]), capture_output=True, text=True, timeout=60)
            words = ran.stdout.strip().splitlines()[-1].split('","') if ran.stdout.strip() else []
            if len(words) < 2:
                raise Unmeasured("redis-benchmark: " + ran.stderr[-100:])
            rates.append(float(words[1]) / 1e6)
    return rates
