"""What the real binary says and does when its state folder is not as it should be: read-only, taken, from a newer
program, full. The full disk is a real one (a tmpfs of 4 MB), for which the test must be root; it says so when it is
not. Broken writes one by one are in tests/unit/io/fault_run_test.cc.
"""
import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import time

from running_engine import Engine, Sink, check, utc, wait_for

SCRIPT = """
local orders = stream "orders" {
  time = "time",
  columns = { { "time", "time" }, { "id", "integer" } },
}
webhook "hook" { url = "%s" }
monitor "high" {
  value = orders:max("id", { over = "10 rows", min_n = 1 }), every = "1s", critical = above(1000), on_no_data = "keep",
}
"""


def rows(*ids):
    return "".join(json.dumps({"time": utc(time.time()), "id": i}) + "\n" for i in ids).encode()


def refusal(engine, as_nobody=False):
    """What the engine says when it ends at once; fails when it does not."""
    command = [engine.binary, "run"] + engine.packs + ["--state", os.path.join(engine.folder, "state"), "--listen", "127.0.0.1:0"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                           user=65534 if as_nobody else None, group=65534 if as_nobody else None,
                           extra_groups=[] if as_nobody else None)
    check(ended.returncode == 1, "expected the engine to end with 1", ended.returncode, ended.stderr)
    return ended.stderr


def read_only(binary):
    with Engine(binary) as engine:
        engine.write_pack("shop", SCRIPT % "http://127.0.0.1:9/")
        state = os.path.join(engine.folder, "state")
        os.mkdir(state)
        os.chmod(state, 0o555)
        is_root = os.geteuid() == 0
        program = binary
        if is_root:  # what nobody may reach: the packs and a copy of the program
            os.chmod(engine.folder, 0o755)
            engine.binary = shutil.copy(program, os.path.join(engine.folder, "tidewatch"))
        said = refusal(engine, is_root)
        check("read-only" in said and "write access" in said, "expected the cause and the cure", said)


def taken(binary):
    with Engine(binary) as engine:
        engine.write_pack("shop", SCRIPT % "http://127.0.0.1:9/")
        engine.start()
        said = refusal(engine)
        check("process %d holds" % engine.process.pid in said, "expected the holder's pid", said)
        check(engine.get("/-/ready").status == 200, "the first one goes on")


def newer(binary):
    with Engine(binary) as engine:
        engine.write_pack("shop", SCRIPT % "http://127.0.0.1:9/")
        engine.start()
        engine.end()
        database = os.path.join(engine.folder, "state", "tidewatch.db")
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        said = refusal(engine)
        check("schema version 99" in said and "newer tidewatch" in said, "expected what it is and the cure", said)


def full(binary):
    if os.geteuid() != 0:
        print("a full disk: not tried, mounting a small one needs root")
        return
    sink = Sink()
    with Engine(binary) as engine:
        engine.write_pack("shop", SCRIPT % sink.url)
        state = os.path.join(engine.folder, "state")
        os.mkdir(state)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", state], capture_output=True, text=True)
        if mounted.returncode != 0:
            print("a full disk: not tried, mount says: " + mounted.stderr.strip())
            return
        try:
            engine.start()
            check(engine.post("/api/v1/records/orders?batch=a", rows(1, 2, 3)).status == 200, "the first batch lands")
            filler = os.path.join(state, "filler")
            file = os.open(filler, os.O_WRONLY | os.O_CREAT)
            try:
                while os.write(file, b"x" * 4096) > 0:
                    pass
            except OSError:
                os.close(file)
            big = rows(*range(10, 900)) + rows(5000)

            def refused():
                answer = engine.post("/api/v1/records/orders?batch=b", big)
                return answer if answer.status == 503 else None

            answer = refused()
            check(answer is not None and "disk is full" in answer.text, "expected 503 and why", answer)
            check(answer.headers.get("Retry-After"), "expected when to come again", answer.headers)
            # Judged from memory, and told: the page of the monitor, and the engine's own.
            wait_for(lambda: engine.alert("high") and engine.alert("high")["state"] == "firing", 5)
            wait_for(lambda: engine.alert("tidewatch/store"), 15)
            wait_for(lambda: sink.accepted("firing", "tidewatch/store"), 10)
            wait_for(lambda: sink.accepted("firing", "shop/high"), 10)
            check(refused() is not None, "still full")
            os.remove(filler)
            again = wait_for(lambda: (lambda a: a if a.status == 200 else None)(engine.post("/api/v1/records/orders?batch=b", big)), 10)
            check(again.json()["duplicate"], "the batch was applied once, when it first came", again)
            wait_for(lambda: sink.accepted("resolved", "tidewatch/store"), 10)
            check(engine.alert("tidewatch/store") is None, "the engine's alert is over")
            check(engine.metric("tidewatch_records_accepted_total", stream="orders") == 3 + 890 + 1, "every row counts once")
            engine.kill()
            engine.start()
            check(engine.metric("tidewatch_records_accepted_total", stream="orders") == 3 + 890 + 1, "also after a kill")
            time.sleep(2)
            keys = {key for key, _, body in sink.all() if body["tidewatch"]["monitor"] == "shop/high" and body["tidewatch"]["event"] == "firing"}
            check(len(keys) == 1, "expected one key for one firing", keys)
            check(not sink.accepted("resolved", "shop/high"), "nothing resolved")
            engine.end()
        finally:
            engine.end()
            subprocess.run(["umount", state])
    sink.close()
    print("a full disk: refused, told, recovered")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--build", help="the build folder (not needed here)")
    binary = os.path.abspath(parser.parse_args().binary)
    read_only(binary)
    taken(binary)
    newer(binary)
    full(binary)


if __name__ == "__main__":
    main()
