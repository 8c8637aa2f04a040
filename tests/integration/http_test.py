"""The HTTP edge as a client meets it: what is taken in which form, what is refused with which status, and what an
operator can read back. Sockets of our own where http.client is too well behaved to send the request."""
import argparse
import gzip
import json
import os
import shutil
import socket
import subprocess
import time

from running_engine import Engine, check, utc

SCRIPT = """
local orders = stream "orders" {
  time = "time", columns = { { "time", "time" }, { "amount", "number" }, { "shop", "category?" } },
}
monitor "many" { value = orders:count { over = "1h", read = "open" }, every = "1s", warning = above(2) }
"""
RECORDS = "/api/v1/records/orders"


def raw(port, text, seconds=5):
    """What the engine answers to these bytes, until it closes or `seconds` have passed."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(text.encode())
        connection.settimeout(seconds)
        out = b""
        try:
            while b"\r\n\r\n" not in out:
                piece = connection.recv(65536)
                if not piece:
                    break
                out += piece
        except socket.timeout:
            pass
        return out.decode("utf-8", "replace")


def forms(engine):
    """One row in every form there is."""
    now = utc(time.time())
    row = {"time": now, "amount": 2.5, "shop": "a"}
    line = json.dumps(row) + "\n"
    sent = [
        (line, {}),
        (line, {"Content-Type": "application/x-ndjson; charset=utf-8"}),
        (json.dumps([row]), {"Content-Type": "application/json"}),
        ("time,amount,shop\n%s,2.5,a\n" % now, {"Content-Type": "text/csv"}),
        (gzip.compress(line.encode()), {"Content-Encoding": "gzip"}),
        (gzip.compress(("time,amount,shop\n%s,2.5,a\n" % now).encode()), {"Content-Encoding": "gzip", "Content-Type": "text/csv"}),
    ]
    for number, (body, headers) in enumerate(sent):
        answer = engine.post(RECORDS + "?batch=form-%d" % number, body, headers)
        check(answer.status == 200 and answer.json()["accepted"] == 1 and answer.json()["rejected"] == 0,
              "form %d lands" % number, headers, answer)
    check(engine.metric("tidewatch_records_accepted_total", pack="shop", stream="orders") == len(sent), "each counts once")
    again = engine.post(RECORDS, line, {"Idempotency-Key": "form-0"}).json()
    check(again["duplicate"] is True, "a known batch id is said to be known", again)
    check(engine.metric("tidewatch_records_accepted_total", stream="orders") == len(sent), "and not applied again")


def bad_lines(engine):
    now = utc(time.time())
    body = "\n".join([
        json.dumps({"time": now, "amount": 1}),
        "{\"time\": broken",
        json.dumps({"time": now, "amount": "much"}),
        json.dumps({"time": now}),
        json.dumps({"time": now, "amount": 2}),
    ]) + "\n"
    answer = engine.post(RECORDS + "?source=till", body).json()
    check(answer["accepted"] == 2 and answer["rejected"] == 3, "two of five land", answer)
    check(sum(answer["rejected_by"].values()) == 3, "each refusal has a reason", answer)
    check([one["line"] for one in answer["first_rejects"]] == [2, 3, 4], "and a line", answer)
    check(all(one["reason"] and one["detail"] for one in answer["first_rejects"]), "and words", answer)
    letters = engine.get("/api/v1/dead_letters?stream=shop/orders").json()["data"]
    check(sorted(one["line"] for one in letters) == [2, 3, 4], "the dead letters hold them", letters)
    check(all(one["source"] == "till" for one in letters), "with their source", letters)
    check(any("broken" in one["record"] for one in letters), "and the record itself", letters)
    rejected = [engine.metric("tidewatch_records_rejected_total", stream="orders", reason=reason) for reason in answer["rejected_by"]]
    check(rejected == [float(n) for n in answer["rejected_by"].values()], "the counters agree", rejected, answer)


def refusals(engine):
    unknown = engine.post("/api/v1/records/ordrs", b"{}")
    check(unknown.status == 404 and "did you mean" in unknown.text and "orders" in unknown.text, "the nearest stream is named", unknown)
    check(engine.get("/nothing").status == 404, "an unknown page is 404")
    wrong = engine.get(RECORDS)
    check(wrong.status == 405 and wrong.headers.get("Allow") == "POST", "GET on records is 405 and says what is allowed", wrong)
    check(engine.post(RECORDS, b"x", {"Content-Type": "image/png"}).status == 415, "an unknown type is 415")
    check(engine.post(RECORDS, b"x", {"Content-Encoding": "br"}).status == 415, "an unknown encoding is 415")
    check(engine.post(RECORDS, b"x", {"Content-Encoding": "gzip"}).status == 400, "what is not gzip is 400")
    bomb = gzip.compress(b"\n" * (33 << 20), 9)
    check(engine.post(RECORDS, bomb, {"Content-Encoding": "gzip"}).status == 413, "a body that unfolds beyond 32 MiB is 413")
    both = engine.post(RECORDS + "?batch=a", b"{}", {"Idempotency-Key": "b"})
    check(both.status == 400, "two batch ids are 400", both)
    announced = raw(engine.port, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (RECORDS, 33 << 20))
    check(announced.startswith("HTTP/1.1 413"), "33 MiB are 413 before they are sent", announced)
    two = raw(engine.port, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % RECORDS)
    check(two.startswith("HTTP/1.1 400"), "two lengths are 400", two)
    check(engine.get("/-/healthy").status == 200, "and it is still well")


def pages(engine, promtool):
    check(engine.get("/-/healthy").text == "healthy\n" and engine.get("/-/ready").text == "ready\n", "healthy and ready")
    home = engine.get("/")
    check("default-src 'none'" in home.headers.get("Content-Security-Policy", ""), "the page comes with its policy", home.headers)
    if promtool:
        page = engine.get("/metrics").body
        done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True)
        check(done.returncode == 0 and not done.stdout + done.stderr, "promtool finds nothing", (done.stdout + done.stderr).decode())
    else:
        print("WARN promtool is absent: the metrics page was not checked by it")


def tokens(binary):
    with Engine(binary) as engine:
        engine.write_pack("shop", SCRIPT)
        path = os.path.join(engine.folder, "token")
        with open(path, "w") as file:
            file.write("sesame-17\n")
        os.chmod(path, 0o600)
        engine.extra = ["--token-file", path]
        engine.start()
        for page in ("/metrics", "/api/v1/alerts", "/", "/api/v1/dead_letters"):
            check(engine.get(page).status == 401, "without a token %s is 401" % page)
            check(engine.get(page, Authorization="Bearer sesame-18").status == 401, "with a wrong one too")
            check(engine.get(page, Authorization="Bearer sesame-17").status == 200, "with the right one it is 200")
        check("Bearer" in engine.get("/metrics").headers.get("WWW-Authenticate", ""), "401 says what is wanted")
        check(engine.post("/-/reload").status == 401, "reload needs it")
        check(engine.post(RECORDS, b"").status == 401, "records need it")
        check(engine.get("/-/healthy").status == 200 and engine.get("/-/ready").status == 200, "health needs none")
        check("sesame" not in engine.log(), "the token is not logged")
        engine.end()
        engine.extra = []
        engine.start("0.0.0.0:0", wait=False)
        code = engine.process.wait(10)
        check(code == 1 and "token" in engine.log(), "beyond loopback without a token is refused", code, engine.log()[-500:])


def second_engine(binary, engine):
    """Two engines on one state folder would write one log."""
    other = subprocess.run([binary, "run"] + engine.packs + ["--state", os.path.join(engine.folder, "state"), "--listen", "127.0.0.1:0"],
                           capture_output=True, text=True, timeout=10)
    check(other.returncode == 1 and other.stderr.strip(), "a second engine on the same state is refused", other)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--build", help="the build folder (not needed here)")
    arguments = parser.parse_args()
    with Engine(arguments.binary) as engine:
        engine.write_pack("shop", SCRIPT)
        engine.start()
        forms(engine)
        bad_lines(engine)
        refusals(engine)
        pages(engine, shutil.which("promtool"))
        second_engine(arguments.binary, engine)
        check(engine.end() == 0, "SIGTERM ends with 0")
    tokens(arguments.binary)


if __name__ == "__main__":
    main()
