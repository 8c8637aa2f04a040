"""A tidewatch process for the tests of this folder: packs written to a temporary folder, the real binary on a port of
its own, requests over a plain connection. Standard library only; ends nothing but what it started."""
import calendar
import http.client
import http.server
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time


def wait_for(what, seconds=10.0, every=0.05):
    """The first true answer of `what`; fails when there is none in time."""
    end = time.monotonic() + seconds * patience
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError("nothing after %.0f s of waiting for %s" % (seconds, getattr(what, "__doc__", "") or what))
        time.sleep(every)


def instant(text):
    """Unix seconds of 2026-01-02T03:04:05.678Z."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + (float("0." + rest) if rest else 0.0)


def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % int(seconds % 1 * 1000)


def check(is_true, text, *facts):
    if not is_true:
        raise AssertionError(text + "".join("\n  " + str(fact) for fact in facts))


# A sanitizer's build is slower and its memory is mostly the sanitizer's: it is waited for longer, its bytes are not judged.
is_sanitized = bool(os.environ.get("TIDEWATCH_SANITIZED"))
patience = 10 if is_sanitized else 1


def check_memory(is_true, text, *facts):
    if is_sanitized:
        print("not judged under a sanitizer: " + text)
    else:
        check(is_true, text, *facts)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.text = body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return "%d %s" % (self.status, self.text[:2000])


class Engine:
    """One state folder and its packs; may be started, ended and killed again and again."""

    def __init__(self, binary, *extra, name="shop"):
        self.binary, self.extra, self.name = binary, list(extra), name
        self.folder = tempfile.mkdtemp(prefix="tidewatch-integration-")
        self.packs = []
        self.process = None
        self.port = 0
        self.log_path = os.path.join(self.folder, "engine.log")

    def write_pack(self, name, script):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "pack.lua"), "w") as file:
            file.write(script)
        if folder not in self.packs:
            self.packs.append(folder)
        return folder

    def start(self, listen="127.0.0.1:0", wait=True):
        command = [self.binary, "run"] + self.packs
        command += ["--state", os.path.join(self.folder, "state"), "--listen", listen] + self.extra
        seen = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if not wait:
            return self

        def address():
            """the engine's address on stderr"""
            with open(self.log_path) as log:
                log.seek(seen)
                text = log.read()
            found = re.search(r"https?://127\.0\.0\.1:(\d+)/metrics", text)
            if not found and self.process.poll() is not None:
                raise AssertionError("the engine ended with %d:\n%s" % (self.process.returncode, text[-3000:]))
            return found

        self.port = int(wait_for(address, 20).group(1))
        return self

    def request(self, method, path, body=None, headers=None, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout * patience)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def post(self, path, body=b"", headers=None):
        return self.request("POST", path, body, headers)

    def metric(self, name, **labels):
        """The value of one series of /metrics; None when it is not there."""
        for line in self.get("/metrics").text.splitlines():
            found = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$", line)
            if not found or found.group(1) != name:
                continue
            seen = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found.group(2) or ""))
            if all(seen.get(key) == value for key, value in labels.items()):
                return float(found.group(3))
        return None

    def alert(self, name):
        """The first alert of that name as the API shows it; None when it is not active."""
        for one in self.get("/api/v1/alerts").json()["data"]["alerts"]:
            if one["labels"].get("alertname") == name:
                return one
        return None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        return self.process.returncode if self.process else None

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print("--- the engine's log, its end ---")
            print(self.log()[-4000:] if os.path.exists(self.log_path) else "(none)")
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sink:
    """A webhook receiver that keeps what it saw. `misbehave(key, attempt)` answers a status, or None to hang up."""

    def __init__(self, misbehave=None):
        self.seen = []  # (key, status answered, body as JSON), in order
        self.lock = threading.Lock()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                key = self.headers.get("Idempotency-Key", "")
                with sink.lock:
                    attempt = sum(1 for one in sink.seen if one[0] == key)
                    status = misbehave(key, attempt) if misbehave else 200
                    sink.seen.append((key, status, json.loads(body)))
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/hook" % self.server.server_port

    def all(self):
        with self.lock:
            return list(self.seen)

    def accepted(self, event=None, monitor=None):
        """Bodies answered 2xx."""
        return [body for _, status, body in self.all()
                if status == 200 and event in (None, body["tidewatch"]["event"])
                and monitor in (None, body["tidewatch"]["monitor"])]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
