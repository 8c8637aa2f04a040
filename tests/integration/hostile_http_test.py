"""The listener under hostility, with the real binary: malformed requests over raw sockets, half-closed and ten thousand
idle connections, bodies that must not cost memory, and the end with requests in flight. Bounds are generous: they notice
memory that grows with what a client sends, not a slow machine."""
import argparse
import gzip
import json
import resource
import signal
import socket
import time

from running_engine import Engine, check, check_memory, utc, wait_for

SCRIPT = """
stream "orders" { time = "time", columns = { { "time", "time" }, { "amount", "number" }, { "shop", "category?" } } }
"""
RECORDS = "/api/v1/records/orders"
HOST = "Host: a\r\n"
GET = "GET /-/ready HTTP/1.1\r\n" + HOST
POST = "POST " + RECORDS + " HTTP/1.1\r\n" + HOST
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = "GET /-/healthy HTTP/1.1\r\nHost: smuggled\r\n\r\n"


def connect(port, seconds=10):
    connection = socket.create_connection(("127.0.0.1", port), timeout=seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def all_of(connection):
    """What comes until the other side closes."""
    out = b""
    while True:
        piece = connection.recv(65536)
        if not piece:
            return out
        out += piece


def one_of(connection):
    """One answer with its length: (status, body)."""
    out = b""
    while b"\r\n\r\n" not in out:
        piece = connection.recv(65536)
        check(piece, "closed before an answer", out)
        out += piece
    head, body = out.split(b"\r\n\r\n", 1)
    length = int([line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")][0])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), body


def statuses(answer):
    """The statuses of the answers in a stream of them."""
    out = []
    while answer:
        head, rest = answer.split(b"\r\n\r\n", 1)
        out.append(int(head.split()[1]))
        length = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        answer = rest[length[0]:] if length else rest
    return out


def memory(engine, field):
    """A field of /proc/PID/status in bytes."""
    with open("/proc/%d/status" % engine.process.pid) as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no " + field)


def malformed(engine):
    """Each is refused once, with its status, and what follows it on the connection is never answered."""
    shapes = [
        ("bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400),
        ("obs-fold", GET + "X: a\r\n b\r\n\r\n", 400),
        ("blank before the colon", GET + "X : a\r\n\r\n", 400),
        ("NUL", GET + "X: \0\r\n\r\n", 400),
        ("bare CR", GET + "X: a\rY: b\r\n\r\n", 400),
        ("two lengths", POST + "Content-Length: 5\r\nContent-Length: 0\r\n\r\n", 400),
        ("the same length twice", POST + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        ("a length and chunks", POST + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("chunked twice", POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        ("two codings", POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("identity", POST + "Transfer-Encoding: identity\r\n\r\n", 501),
        ("an unknown coding", POST + "Transfer-Encoding: xchunked\r\n\r\n", 501),
        ("chunks in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("a size that is none", CHUNKED + "zz\r\n", 400),
        ("a negative size", CHUNKED + "-1\r\n", 400),
        ("a size that overflows", CHUNKED + "ffffffffffffffffff\r\n", 400),
        ("a huge size", CHUNKED + "7fffffff\r\n", 413),
        ("a chunk with a bare LF", CHUNKED + "1\nx\r\n0\r\n\r\n", 400),
        ("a chunk too long for its size", CHUNKED + "1\r\nxy\r\n0\r\n\r\n", 400),
        ("an endless extension", CHUNKED + "1;" + "a" * 5000, 400),
        ("a bad trailer", CHUNKED + "0\r\nX : a\r\n\r\n", 400),
        ("a negative length", POST + "Content-Length: -1\r\n\r\n", 400),
        ("a length with a plus", POST + "Content-Length: +1\r\n\r\nx", 400),
        ("a length that overflows", POST + "Content-Length: 99999999999999999999999\r\n\r\n", 413),
        ("too long a length", POST + "Content-Length: 33554433\r\n\r\n", 413),
        ("authority form", "GET a:80 HTTP/1.1\r\n" + HOST + "\r\n", 400),
        ("CONNECT", "CONNECT a:80 HTTP/1.1\r\n" + HOST + "\r\n", 501),
        ("an unknown method", "BREW / HTTP/1.1\r\n" + HOST + "\r\n", 501),
        ("not a method", "G(T / HTTP/1.1\r\n" + HOST + "\r\n", 400),
        ("HTTP/0.9", "GET /\r\n", 400),
        ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("a broken escape", "GET /%zz HTTP/1.1\r\n" + HOST + "\r\n", 400),
        ("an escaped NUL", "GET /%00 HTTP/1.1\r\n" + HOST + "\r\n", 400),
        ("an escaped slash", "GET /api%2fv1/alerts HTTP/1.1\r\n" + HOST + "\r\n", 400),
        ("no Host", "GET / HTTP/1.1\r\n\r\n", 400),
        ("two Hosts", GET + HOST + "\r\n", 400),
        ("a very long target", "GET /" + "a" * 9000 + " HTTP/1.1\r\n" + HOST + "\r\n", 414),
        ("a huge header", GET + "X: " + "a" * 20000 + "\r\n\r\n", 431),
        ("a header without end", GET + "X: " + "a" * 2000000, 431),
        ("too many headers", GET + "X: a\r\n" * 200 + "\r\n", 431),
        ("an unknown expectation", POST + "Expect: miracles\r\nContent-Length: 0\r\n\r\n", 417),
        ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ]
    for name, text, status in shapes:
        for is_slow in (False, True):
            with connect(engine.port) as connection:
                data = (text + SMUGGLED).encode("latin1")
                try:
                    if is_slow and len(data) < 1000:
                        for at in range(len(data)):
                            connection.sendall(data[at:at + 1])
                    else:
                        connection.sendall(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # refused before its end
                answer = all_of(connection)
                check(statuses(answer) == [status], "%s gets one answer, %d, and the end" % (name, status), answer[:600])
                check(b"Connection: close\r\n" in answer, "and is told of the end", answer[:600])
    refused = engine.metric("tidewatch_http_refused_total", reason="malformed")
    check(refused == 2 * len(shapes), "each is counted", refused)
    served = [
        ("absolute form", "GET http://b:1/-/ready HTTP/1.1\r\n" + HOST + "\r\n", 200),
        ("an empty line before", "\r\n" + GET + "\r\n", 200),
        ("path traversal", "GET /../../../etc/passwd HTTP/1.1\r\n" + HOST + "\r\n", 404),
        ("escaped dots", "GET /api/%2e%2e/%2e%2e HTTP/1.1\r\n" + HOST + "\r\n", 404),
        ("OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + HOST + "\r\n", 404),
        ("chunks, extensions and trailers", CHUNKED + "2;a=\"b\"\r\n{}\r\n0\r\nHost: c\r\nContent-Length: 1\r\n\r\n", 200),
        ("DELETE", "DELETE /metrics HTTP/1.1\r\n" + HOST + "\r\n", 405),
    ]
    for name, text, status in served:
        with connect(engine.port) as connection:
            connection.sendall((text + GET + "Connection: close\r\n\r\n").encode("latin1"))
            answer = all_of(connection)
            check(statuses(answer) == [status, 200], "%s gets %d and the next request its answer" % (name, status), answer[:600])


def pipelining(engine):
    with connect(engine.port) as connection:
        connection.sendall((GET + "\r\n" + POST + "Content-Length: 2\r\n\r\n{}" + GET + "X : a\r\n\r\n" + SMUGGLED).encode())
        check(statuses(all_of(connection)) == [200, 200, 400], "an error in the middle ends the connection after the answers before it")
    with connect(engine.port) as connection:
        connection.sendall((GET + "\r\n").encode() * 2000 + (GET + "Connection: close\r\n\r\n").encode())
        check(statuses(all_of(connection)) == [200] * 2001, "two thousand pipelined requests get their answers")
    with connect(engine.port) as connection:
        connection.sendall((POST + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n").encode())
        check(connection.recv(65536).startswith(b"HTTP/1.1 100 Continue\r\n\r\n"), "100 Continue is said")
        connection.sendall(b"{}")
        check(one_of(connection)[0] == 200, "and the body is then read")


def half_closed(engine):
    with connect(engine.port) as connection:
        connection.sendall((POST + "Content-Length: 2\r\n\r\n{}").encode())
        connection.shutdown(socket.SHUT_WR)
        check(statuses(all_of(connection)) == [200], "who closed his half still gets his answer")
    with connect(engine.port) as connection:
        connection.sendall((POST + "Content-Length: 20\r\n\r\n{}").encode())
        connection.shutdown(socket.SHUT_WR)
        check(statuses(all_of(connection)) == [400], "half a body is refused, not applied")


def hostile_rows(engine):
    """Each bad row is set aside with a reason; the good ones around it land."""
    now = utc(time.time()).encode()
    good = b'{"time":"%s","amount":1}' % now
    rows = [
        b'{"time":"%s","amount":1,"shop":"\xff\xfe"}' % now,
        b'{"time":"%s","amount":1,"x":' % now + b"[" * 100000 + b"]" * 100000 + b"}",
        b'{"time":"%s","amount":1e999}' % now,
        b'{"time":"%s","amount":' % now + b"9" * 5000 + b"}",
        b'{"time":"%s","amount":"\xed\xa0\x80"}' % now,
        b'{"time":"%s","amount":01}' % now,
        b'{"time":"%s","amount":NaN}' % now,
        b"\0" * 100,
        b'{"time":"%s"' % now,
    ]
    body = good + b"\n" + b"\n".join(row + b"\n" + good for row in rows) + b"\n"
    answer = engine.post(RECORDS, body).json()
    check(answer["accepted"] == len(rows) + 1 and answer["rejected"] == len(rows), "bad rows are set aside one by one", answer)
    check(answer["rejected_by"].get("bad_utf8", 0) >= 1, "bad UTF-8 has its name", answer)
    twice = engine.post(RECORDS, b'{"time":"%s","amount":1,"amount":2,"amount":"x"}\n' % now + good + b"\n").json()
    check(twice["accepted"] + twice["rejected"] == 2 and twice["accepted"] >= 1, "a key given twice is one row, not two", twice)
    letters = engine.get("/api/v1/dead_letters")
    json.loads(letters.body.decode("utf-8"))
    check(letters.status == 200, "the dead letters are still UTF-8 and JSON")


def bodies(engine):
    """Nothing a client sends may cost more than the stated limits, whatever is announced."""
    before = memory(engine, "VmRSS")
    held = []
    for _ in range(200):
        connection = connect(engine.port)
        connection.sendall((POST + "Content-Length: 33554432\r\n\r\n{}").encode())
        held.append(connection)
    time.sleep(0.5)
    announced = memory(engine, "VmRSS") - before
    check_memory(announced < 64 << 20, "an announced length costs nothing: 200 x 32 MiB are %d KiB" % (announced >> 10))
    for connection in held:
        connection.close()
    # Twenty bodies of 20 MiB, none ever whole: more than all connections together may hold.
    held, refused = [], 0
    piece = b"x" * (1 << 20)
    for _ in range(20):
        connection = connect(engine.port)
        held.append(connection)
        try:
            connection.sendall((POST + "Content-Length: 33554432\r\n\r\n").encode())
            for _ in range(20):
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            pass
    for connection in held:
        connection.settimeout(0.2)
        try:
            refused += connection.recv(100).startswith(b"HTTP/1.1 503")
        except OSError:
            pass
        connection.close()
    check(refused >= 5, "beyond the limit bodies get 503", refused)
    for bomb in (gzip.compress(b"\n" * (33 << 20), 9), gzip.compress(b"{}\n" * (10 << 20), 9), gzip.compress(b" " * (31 << 20), 9)):
        answer = engine.post(RECORDS, bomb, {"Content-Encoding": "gzip"})
        check(answer.status == 413, "a gzip bomb is 413", len(bomb), answer)
    check(engine.post(RECORDS, gzip.compress(gzip.compress(b"{}")), {"Content-Encoding": "gzip"}).json()["accepted"] == 0, "gzip in gzip is bytes")
    check(engine.post(RECORDS, b"{}\n" * (2 << 20), {}).json()["rejected"] == 2 << 20, "two million empty rows are counted")
    check(engine.post("/-/reload", b"x" * (2 << 20)).status == 413, "what takes no records takes no large body")
    peak = memory(engine, "VmHWM")
    check_memory(peak < 900 << 20, "and all that stays below 900 MiB: %d MiB" % (peak >> 20))
    print("peak memory under hostile bodies: %d MiB" % (peak >> 20))
    check(engine.get("/-/healthy").status == 200, "and it is still well")


def idle(binary):
    """As many idle connections as are allowed, and the next."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = min(10000, (hard if hard != resource.RLIM_INFINITY else 1 << 20) - 300)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if many < 10000:
        print("WARN only %d connections: the limit of open files is %d" % (many, hard))
    with Engine(binary, "--most-connections", str(many)) as engine:
        engine.write_pack("shop", SCRIPT)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))  # it has to raise its own
        engine.start()
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        before = memory(engine, "VmRSS")
        held = []
        for number in range(many):
            held.append(connect(engine.port))
            if number % 10 == 0:  # some have spoken before
                held[-1].sendall((GET + "\r\n").encode())
                check(one_of(held[-1])[0] == 200, "connection %d is served" % number)
        def full():
            """the next connection's 503"""
            with connect(engine.port) as extra:
                return all_of(extra).startswith(b"HTTP/1.1 503")
        wait_for(full, 10)
        each = (memory(engine, "VmRSS") - before) / many
        print("%d idle connections: %.0f bytes each" % (many, each))
        check_memory(each < 4096, "an idle connection costs less than 4 KiB", each)
        held[17].sendall((GET + "\r\n").encode())
        check(one_of(held[17])[0] == 200, "those that are there are served")
        held.pop().close()
        held.pop().close()
        def room():
            """a free place after two have left"""
            with connect(engine.port) as extra:
                extra.sendall((GET + "Connection: close\r\n\r\n").encode())
                return all_of(extra).startswith(b"HTTP/1.1 200")
        wait_for(room, 10)
        began = time.monotonic()
        check(engine.end() == 0, "and it ends with all of them open")
        check(time.monotonic() - began < 5, "without waiting for them")
        for connection in held:
            connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def draining(binary):
    """A signal lets requests in flight finish, and only for a while."""
    now = utc(time.time()).encode()
    body = b'{"time":"%s","amount":1}\n' % now
    with Engine(binary) as engine:
        engine.write_pack("shop", SCRIPT)
        engine.start()
        flying, quiet = connect(engine.port), connect(engine.port)
        flying.sendall((POST + "Content-Length: %d\r\n\r\n" % len(body)).encode() + body[:10])
        engine.get("/-/ready")  # what was sent before has been read
        engine.signal(signal.SIGTERM)
        check(quiet.recv(100) == b"", "an idle connection is closed")
        def refused():
            """a refused connection"""
            try:
                connect(engine.port, 1).close()
                return False
            except OSError:
                return True
        wait_for(refused, 5)
        flying.sendall(body[10:])
        answer = all_of(flying)
        check(statuses(answer) == [200] and b'"accepted":1' in answer, "the request in flight is answered", answer)
        flying.close()
        check(engine.process.wait(10) == 0, "and then it ends")
        engine.start()
        check(engine.metric("tidewatch_records_accepted_total", stream="orders") == 1, "with the row on disk")
        stuck = connect(engine.port)
        stuck.sendall((POST + "Content-Length: 100\r\n\r\n").encode())
        engine.get("/-/ready")
        engine.signal(signal.SIGTERM)
        time.sleep(0.3)
        check(engine.process.poll() is None, "it waits for a request in flight")
        engine.signal(signal.SIGTERM)
        check(engine.process.wait(5) == 0, "a second signal does not")
        stuck.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--build", help="the build folder (not needed here)")
    arguments = parser.parse_args()
    with Engine(arguments.binary) as engine:
        engine.write_pack("shop", SCRIPT)
        engine.start()
        for part in (malformed, pipelining, half_closed, hostile_rows, bodies):
            began = time.monotonic()
            part(engine)
            print("%s: %.1f s" % (part.__name__, time.monotonic() - began))
        check(engine.end() == 0, "SIGTERM ends with 0")
    for part in (idle, draining):
        began = time.monotonic()
        part(arguments.binary)
        print("%s: %.1f s" % (part.__name__, time.monotonic() - began))


if __name__ == "__main__":
    main()
