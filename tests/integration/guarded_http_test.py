"""Who may speak to the listener, and how privately: tokens with scopes, TLS under broken, slow and fragmented
handshakes, certificates and tokens renewed while it runs, and the refusal to listen to a network without either."""
import argparse
import hashlib
import os
import resource
import signal
import socket
import ssl
import subprocess
import time
import warnings

from hostile_http_test import CHUNKED, GET, HOST, POST, RECORDS, SCRIPT, all_of, connect, memory, one_of, statuses
from running_engine import Engine, check, check_memory, utc, wait_for


def ask(port, method, path, token=None, body=b"", scheme="Bearer"):
    head = "%s %s HTTP/1.1\r\n%sContent-Length: %d\r\nConnection: close\r\n" % (method, path, HOST, len(body))
    if token:
        head += "Authorization: %s %s\r\n" % (scheme, token)
    with connect(port) as connection:
        connection.sendall(head.encode() + b"\r\n" + body)
        answer = all_of(connection)
    return statuses(answer)[0], answer.decode()


def scopes(binary):
    with Engine(binary) as engine:
        engine.write_pack("shop", SCRIPT)
        path = os.path.join(engine.folder, "tokens")

        def write(text):
            with open(path, "w") as file:
                file.write(text)
            os.chmod(path, 0o600)

        hashed = hashlib.sha256(b"only-reads-1").hexdigest()
        write("# who may what\n\ningest only-ingests-1 collector\nread sha256:%s grafana\nadmin only-admin-1\nread,ingest both-of-two-1\neverything-1\n" % hashed)
        engine.extra = ["--token-file", path]
        engine.start()
        port = engine.port
        may = {"only-ingests-1": "i", "only-reads-1": "r", "only-admin-1": "a", "both-of-two-1": "ir", "everything-1": "ira", "nobodys-1": "", hashed: "", None: ""}
        for token, allowed in may.items():
            for scope, method, page in (("i", "POST", RECORDS), ("r", "GET", "/metrics"), ("r", "HEAD", "/api/v1/alerts"), ("r", "GET", "/nothing"), ("a", "POST", "/-/reload"), ("a", "DELETE", "/metrics")):
                if method == "HEAD":
                    continue
                status, answer = ask(port, method, page, token)
                wanted = 401 if not allowed else 403 if scope not in allowed else None
                check(status == wanted if wanted else status not in (401, 403), "token %s, %s %s" % (token, method, page), answer)
                check(("WWW-Authenticate: Bearer" in answer) == bool(wanted), "refusals say what is wanted", answer)
        check(ask(port, "GET", "/metrics", "everything-1", scheme="bearer")[0] == 200, "the scheme's letters may be small")
        for scheme in ("Basic", "Bearerx", ""):
            check(ask(port, "GET", "/metrics", "everything-1", scheme=scheme)[0] == 401, "another scheme is 401", scheme)
        check(ask(port, "GET", "/-/healthy")[0] == 200 and ask(port, "GET", "/-/ready")[0] == 200, "health needs no token")
        check(ask(port, "POST", "/-/healthy", body=b"x" * 100)[0] == 405, "and nothing but GET")
        with connect(port) as connection:
            connection.sendall((POST + "Content-Length: 33554432\r\nExpect: 100-continue\r\n\r\n").encode())
            check(statuses(all_of(connection)) == [401], "a body without a token is not asked for")
        with connect(port) as connection:
            connection.sendall((CHUNKED + "2\r\n{}\r\n0\r\nAuthorization: Bearer everything-1\r\n\r\n").encode())
            check(statuses(all_of(connection)) == [401], "a token in a trailer is none")

        write("read renewed-token-1\n")
        engine.signal(signal.SIGHUP)
        wait_for(lambda: ask(port, "GET", "/metrics", "renewed-token-1")[0] == 200)
        check(ask(port, "GET", "/metrics", "everything-1")[0] == 401, "a token that is gone is refused at once")
        for wrong in ("", "# nothing\n", "reed some-token-1\n", "read\n", "read short\n", "read sha256:12\n", "read a-token-twice\nread a-token-twice\n"):
            write(wrong)
            engine.signal(signal.SIGHUP)
            time.sleep(0.05)
            check(ask(port, "GET", "/metrics", "renewed-token-1")[0] == 200, "a token file with a mistake changes nothing", wrong)
        log = engine.log()
        check(log.count("reload_failed") == 7 and "line 1" in log, "and is said", log[-2000:])
        for secret in ("only-", "everything-", "both-of", "renewed-", "nobodys", "some-token", "a-token", hashed):
            check(secret not in log, "no token is ever logged", secret)
        engine.end()
        engine.start(wait=False)
        check(engine.process.wait(10) == 1, "a token file with a mistake starts nothing")
        engine.extra = []
        os.environ["TIDEWATCH_TOKENS"] = "from-the-environment"
        try:
            engine.start()
            check(ask(engine.port, "GET", "/metrics")[0] == 401, "the secret is asked for too")
            check(ask(engine.port, "GET", "/metrics", "from-the-environment")[0] == 200, "and taken")
        finally:
            del os.environ["TIDEWATCH_TOKENS"]


def certificate(folder, name):
    """A key and a certificate of its own: (certificate, key)."""
    paths = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", paths[1], "-out", paths[0]], check=True, capture_output=True)
    return paths


def trusting(path):
    return ssl.create_default_context(cafile=path)


def secure(port, context):
    return context.wrap_socket(connect(port), server_hostname="127.0.0.1")


def byte_by_byte(port, context, request):
    """The whole session with every byte of the client's in a write of its own."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with connect(port) as connection:
        def push():
            for byte in outgoing.read():
                connection.sendall(bytes([byte]))
        def turn(what):
            while True:
                try:
                    done = what()
                    push()
                    return done
                except ssl.SSLWantReadError:
                    push()
                    piece = connection.recv(65536)
                    if not piece:
                        return b""
                    incoming.write(piece)
        turn(session.do_handshake)
        session.write(request)
        push()
        return turn(lambda: session.read(65536))


def broken_handshakes(engine, context):
    """Handshakes that are cut, garbled or never go on leave nothing behind."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    for at in list(range(1, len(hello), 7)):
        with connect(engine.port) as connection:
            connection.sendall(hello[:at])
    for at in range(0, len(hello), 5):
        with connect(engine.port) as connection:
            connection.sendall(hello[:at] + bytes([hello[at] ^ 0x5a]) + hello[at + 1:])
            connection.shutdown(socket.SHUT_WR)
            try:
                all_of(connection)
            except ConnectionResetError:
                pass
    with connect(engine.port) as connection:
        connection.sendall(hello)
        check(connection.recv(65536), "the server says its hello")
        connection.sendall(b"\x17\x03\x03\x00\x20" + b"junk" * 8)
        all_of(connection)
    stuck = []
    for _ in range(400):  # more than may shake hands at once
        stuck.append(connect(engine.port))
        stuck[-1].sendall(hello[:50])
    with secure(engine.port, context) as connection:
        connection.sendall((GET + "\r\n").encode())
        check(one_of(connection)[0] == 200, "among stuck handshakes a good one is served")
    for connection in stuck:
        connection.close()


def tls(binary):
    with Engine(binary) as engine:
        engine.write_pack("shop", SCRIPT)
        one, other = certificate(engine.folder, "one"), certificate(engine.folder, "other")
        paths = os.path.join(engine.folder, "now.pem"), os.path.join(engine.folder, "now.key")

        def use(pair):
            for source, target in zip(pair, paths):
                with open(source, "rb") as file, open(target, "wb") as copy:
                    copy.write(file.read())

        use(one)
        engine.extra = ["--tls-cert", paths[0], "--tls-key", paths[1]]
        engine.start()
        port = engine.port
        context = trusting(one[0])
        now = utc(time.time()).encode()
        secure(port, context).close()
        before = memory(engine, "VmRSS")
        held = [secure(port, context) for _ in range(300)]
        each = (memory(engine, "VmRSS") - before) / len(held)
        print("300 idle TLS connections: %.0f bytes each" % each)
        check_memory(each < 100 << 10, "an idle TLS connection costs less than 100 KiB", each)
        with secure(port, context) as connection:
            check(connection.version() in ("TLSv1.2", "TLSv1.3"), "TLS 1.2 or newer", connection.version())
            for _ in range(50):
                connection.sendall((GET + "\r\n").encode())
                check(one_of(connection)[0] == 200, "one session, many requests")
            connection.sendall((GET + "\r\n").encode() * 100)
            rest = b""
            while rest.count(b"\r\n\r\nready\n") < 100:
                rest += connection.recv(65536)
            row = b'{"time":"%s","amount":1}\n' % now
            body = row * ((5 << 20) // len(row))
            connection.sendall((POST + "Content-Length: %d\r\n\r\n" % len(body)).encode() + body)
            status, answer = one_of(connection)
            check(status == 200 and b'"accepted":%d,' % (len(body) // len(row)) in answer, "a large body lands", answer)
            connection.sendall((GET + "Connection: close\r\n\r\n").encode())
            check(statuses(all_of(connection)) == [200], "the end is said (close_notify), not cut")
        answer = byte_by_byte(port, context, (GET + "\r\n").encode())
        check(answer.startswith(b"HTTP/1.1 200"), "a session in single bytes is served", answer)
        with connect(port) as connection:
            connection.sendall((GET + "\r\n").encode())
            answer = all_of(connection)
            check(statuses(answer) == [400] and b"https" in answer, "plain HTTP is told to say https", answer)
        with connect(port) as connection:
            connection.sendall(b"\0\1\2\3")
            check(all_of(connection) == b"", "other bytes get nothing")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        try:
            secure(port, old).close()
            check(False, "TLS 1.1 is refused")
        except (ssl.SSLError, ConnectionResetError):
            pass
        twelve = trusting(one[0])
        twelve.maximum_version = ssl.TLSVersion.TLSv1_2
        with secure(port, twelve) as connection:
            connection.sendall((GET + "\r\n").encode())
            check(connection.version() == "TLSv1.2" and one_of(connection)[0] == 200, "TLS 1.2 is served")
        broken_handshakes(engine, context)
        use(other)
        engine.signal(signal.SIGHUP)
        fresh = trusting(other[0])

        def renewed():
            """the new certificate"""
            try:
                secure(port, fresh).close()
                return True
            except ssl.SSLError:
                return False
        wait_for(renewed, 5)
        held[3].sendall((GET + "\r\n").encode())
        check(one_of(held[3])[0] == 200, "a session of the old certificate goes on")
        for connection in held:
            connection.close()
        use((one[0], other[1]))
        engine.signal(signal.SIGHUP)
        wait_for(lambda: "reload_failed" in engine.log(), 5)
        check(renewed(), "a key of another certificate changes nothing")
        check("is not that of the certificate" in engine.log(), "and is said", engine.log()[-1000:])
        flying = secure(port, fresh)
        flying.sendall((POST + "Content-Length: %d\r\n\r\n" % len(row)).encode() + row[:5])
        time.sleep(0.2)
        engine.signal(signal.SIGTERM)
        time.sleep(0.2)
        flying.sendall(row[5:])
        check(statuses(all_of(flying)) == [200], "a request in flight is finished over TLS too")
        flying.close()
        check(engine.process.wait(10) == 0, "and then it ends")
        engine.start(wait=False)
        check(engine.process.wait(10) == 1, "a key of another certificate starts nothing")


def off_loopback(binary):
    with Engine(binary) as engine:
        engine.write_pack("shop", SCRIPT)
        pair = certificate(engine.folder, "one")
        token = os.path.join(engine.folder, "token")
        with open(token, "w") as file:
            file.write("some-token-1\n")
        tokens, keys = ["--token-file", token], ["--tls-cert", pair[0], "--tls-key", pair[1]]
        for extra, missing in (([], "tokens and TLS"), (tokens, "TLS"), (keys, "tokens")):
            engine.extra = extra
            for address in ("0.0.0.0:0", "[::]:0"):
                engine.start(address, wait=False)
                check(engine.process.wait(10) == 1, "%s off loopback is refused" % extra)
                said = engine.log().strip().splitlines()[-1]
                check("without " + missing + ":" in said and "--insecure" in said and "--tls-cert" in said, "with what is missing and the cure", said)
        for number, extra in enumerate((tokens + keys, ["--insecure"])):
            engine.extra = extra
            engine.start("0.0.0.0:0", wait=False)
            wait_for(lambda: engine.log().count("is ready") > number, 10)
            engine.end()
            check(engine.log().count("insecure_listener") == number, "--insecure is logged as a warning, a guarded listener is not")
        wrong = subprocess.run([binary, "run", engine.packs[0], "--tls-cert", pair[0]], capture_output=True, text=True, timeout=10)
        check(wrong.returncode == 2, "a certificate without its key is wrong usage", wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--build", help="the build folder (not needed here)")
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for part in (scopes, tls, off_loopback):
        began = time.monotonic()
        part(arguments.binary)
        print("%s: %.1f s" % (part.__name__, time.monotonic() - began))


if __name__ == "__main__":
    main()
