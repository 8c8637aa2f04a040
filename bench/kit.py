"""What every row stands on: processes that end with the run, their CPU and memory, the load tools, packs and records.

A row is measured by a function that takes a `Bench` and calls `bench.row(...)`; it knows nothing of tables or options.
Nothing here fails on a time. `Unmeasured` with a sentence is how a row or a peer says why it has no figure.
"""
import contextlib, json, os, shutil, signal, socket, subprocess, sys, tempfile, threading, time, urllib.request


class Unmeasured(Exception):
    """Why there is no figure; the table prints the sentence."""


def say(text):
    print(text, file=sys.stderr, flush=True)


class Process:
    """A child pinned to a core, its output in a file; leaves no zombie and no orphan."""

    def __init__(self, words, folder, core=0, name="", **popen):
        self.words, self.log_path = words, os.path.join(folder, (name or os.path.basename(words[0])) + ".log")
        if not shutil.which(words[0]):
            raise Unmeasured(f"{words[0]} is not installed")
        self.log = open(self.log_path, "a+")
        pinned = (["taskset", "-c", str(core)] if core is not None and os.cpu_count() > 1 else []) + words
        self.began = time.monotonic()
        self.child = subprocess.Popen(pinned, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, **popen)

    @property
    def pid(self):
        return self.child.pid  # taskset becomes the program it starts

    def text(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def cpu(self):
        """Seconds of user and system time so far, by nanoseconds of each thread where the kernel counts them."""
        try:
            nanoseconds = 0
            for thread in os.listdir(f"/proc/{self.pid}/task"):
                with open(f"/proc/{self.pid}/task/{thread}/schedstat") as stat:
                    nanoseconds += int(stat.read().split()[0])
            return nanoseconds / 1e9
        except (OSError, ValueError, IndexError):
            pass
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        """Resident bytes."""
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024

    def ready(self, port, path, longest=60, pause=0.002):
        """Seconds from the start to the first 200 on `path`."""
        while time.monotonic() - self.began < longest:
            if self.child.poll() is not None:
                raise Unmeasured(f"{self.words[0]} ended at once: " + " ".join(self.text().split())[-200:])
            if get(port, path) is not None:
                return time.monotonic() - self.began
            time.sleep(pause)
        raise Unmeasured(f"{self.words[0]} was not ready after {longest} s")

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self, longest=20):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(longest)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def get(port, path, timeout=5):
    """The body of a 2xx, else None. A raw socket: urllib alone costs a millisecond."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while chunk := s.recv(1 << 16):
                answer += chunk
    except OSError:
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    return body.decode(errors="replace") if head[9:10] == b"2" else None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Engine(Process):
    """`tidewatch run` on a pack and a state folder."""

    def __init__(self, bench, pack, state, core=0):
        self.port = free_port()
        super().__init__([bench.binary, "run", pack, "--state", state, "--listen", f"127.0.0.1:{self.port}"], bench.folder,
                         core, name="engine")
        self.started = self.ready(self.port, "/-/ready")

    def metrics(self):
        """Samples of /metrics by name with labels."""
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in (get(self.port, "/metrics", 30) or "").splitlines() if line and line[0] != "#"}


class Receiver(Process):
    """The webhook receiver; `arrivals()` are (seconds, key, status), in the order they came."""

    def __init__(self, bench, expect=10**9, seconds=120, port=0):
        self.log_path = os.path.join(bench.folder, "receiver.log")
        self.log = open(self.log_path, "w+")
        words = [bench.tool("receive"), "--expect", str(expect), "--seconds", str(seconds), "--port", str(port)]
        self.words = words
        self.child = subprocess.Popen(bench.on_load_core(words), stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline())
        self.connections = 0

    def arrivals(self, longest=60):
        """Waits for what was expected, at most `longest` seconds, then takes what came."""
        # Read while it writes: what thousands of webhooks make is more than a pipe holds.
        taken = []
        reader = threading.Thread(target=lambda: taken.append(self.child.stdout.read()))
        reader.start()
        reader.join(longest)
        self.child.stdin.close()  # which ends it
        reader.join()
        self.child.wait()
        out = taken[0]
        lines = [line.split(" ") for line in out.splitlines()]
        self.connections = next((int(x[1]) for x in lines if x[0] == "connections"), 0)
        return [(float(x[0]), x[1], x[2]) for x in lines if len(x) == 3]


class Bench:
    def __init__(self, binary, tools, quick=False, runs=3, peers=True, full_budget=1200.0):
        self.binary, self.tools, self.quick, self.runs, self.peers = os.path.abspath(binary), tools, quick, runs, peers
        self.stack = contextlib.ExitStack()
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="tidewatch-bench-"))
        self.memory = self.stack.enter_context(
            tempfile.TemporaryDirectory(prefix="tidewatch-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        self.budget, self.began = full_budget, time.monotonic()
        self.rows, self.current, self.count = [], "", 0
        self.peer_cache, self.files, self.answers = {}, {}, {}

    def close(self):
        self.stack.close()

    def left(self):
        return self.budget - (time.monotonic() - self.began)

    # --- results ---

    def row(self, quantity, ours, unit, must=None, aim=None, less_is_better=False, peers=(), bound="", note=""):
        """`ours` is a list of measurements in `unit`; `peers` are (name, what beside() gave). A row may have several lines."""
        kept, notes = [], [note] if note else []
        for name, (values, why) in peers:
            if values:
                kept.append(dict(name=name, values=list(values)))
            elif why:
                notes.append(why)
        self.rows.append(dict(row=self.current, quantity=quantity, ours=list(ours), unit=unit, must=must, aim=aim,
                              less_is_better=less_is_better, peers=kept, bound=bound, note="; ".join(notes)))

    def beside(self, name, measure, *arguments):
        """A peer's list of measurements and a note; measured once a run. ([], why) when it could not be."""
        key = (name, arguments)
        if not self.peers:
            return [], ""
        if key not in self.peer_cache:
            say(f"    beside: {name}")
            try:
                self.peer_cache[key] = (list(measure(self, *arguments)), "")
            except (Unmeasured, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
                self.peer_cache[key] = ([], f"{name} not measured: {str(error)[:160]}")
        return self.peer_cache[key]

    # --- processes ---

    def tool(self, name):
        return os.path.join(self.tools, "load_" + name)

    @staticmethod
    def on_load_core(words):
        return (["taskset", "-c", "1"] if os.cpu_count() > 1 else []) + words

    @staticmethod
    def on_engine_core(words):
        return (["taskset", "-c", "0"] if os.cpu_count() > 1 else []) + words

    def fresh(self, name, in_memory=False):
        """An empty folder, on disk unless said otherwise."""
        self.count += 1
        path = os.path.join(self.memory if in_memory else self.folder, f"{name}-{self.count}")
        os.makedirs(path)
        return path

    def disk(self, times=300):
        """Milliseconds of an fdatasync after 4 KB written over, on the disk of the state folders: what no commit can beat."""
        took, path = [], os.path.join(self.fresh("disk"), "file")
        file = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            os.write(file, bytes(1 << 20))
            os.fsync(file)
            for i in range(times):
                time.sleep(0.002)
                os.pwrite(file, bytes([i & 255]) * 4096, i % 256 * 4096)
                clock = time.perf_counter()
                os.fdatasync(file)
                took.append((time.perf_counter() - clock) * 1e3)
        finally:
            os.close(file)
        return took

    def records(self, **flags):
        """The path of a file of records; made once."""
        key = tuple(sorted(flags.items()))
        if key not in self.files:
            path = os.path.join(self.folder, f"records-{len(self.files)}.ndjson")
            words = [self.tool("records"), "--out", path]
            for name, value in key:
                words += ["--" + name.replace("_", "-"), str(value)]
            subprocess.run(words, check=True, timeout=120)
            self.files[key] = path
        return self.files[key]

    def post(self, port, file, **flags):
        """What load_post says; flags as it names them, with underscores."""
        words = [self.tool("post"), "--port", str(port), "--file", file]
        for name, value in flags.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        ran = subprocess.run(self.on_load_core(words), capture_output=True, text=True, timeout=180)
        if ran.returncode != 0:
            raise Unmeasured("load_post: " + ran.stderr.strip()[-200:])
        answer = json.loads(ran.stdout)
        if answer["refused"] and answer["answers"] < 2 * answer["refused"]:
            raise Unmeasured("refused: " + answer["first_refusal"])
        return answer

    def pack(self, text):
        """A checked pack folder."""
        folder = self.fresh("pack")
        with open(os.path.join(folder, "pack.lua"), "w") as out:
            out.write(text)
        checked = subprocess.run([self.binary, "check", folder], capture_output=True, text=True, timeout=60)
        if checked.returncode != 0:
            raise Unmeasured("the pack does not load: " + (checked.stdout + checked.stderr).strip()[:400])
        return folder

    def backtest(self, pack, path, stream="predictions"):
        """(wall seconds, peak resident bytes, the JSON result) of one backtest on the engine's core."""
        words = self.on_engine_core([self.binary, "backtest", pack, "--data", f"{stream}={path}", "--json"])
        out = os.path.join(self.fresh("backtest"), "out.json")
        with open(out, "w") as to, open(out + ".err", "w+") as problems:
            clock = time.monotonic()
            child = subprocess.Popen(words, stdout=to, stderr=problems)
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.monotonic() - clock
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode != 0:
                problems.seek(0)
                raise Unmeasured("backtest: " + problems.read().strip()[-300:])
        with open(out) as result:
            return wall, usage.ru_maxrss * 1024, json.load(result)


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else float("nan")


def fetch(url, timeout=30, **request):
    return urllib.request.urlopen(urllib.request.Request(url, **request), timeout=timeout).read()
