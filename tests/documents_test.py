"""Every example in the documents is run. A ```lua block that begins with `-- file: NAME` is written below a temporary
folder of its document; the lines of a ```console block that begin with `$ ` are given to a shell there, in order, and
what they print (standard output, then standard error) is compared with the lines below them. A line `...` stands for
any number of lines, `...` inside a line for any text. After a document's last block every pack it made is checked
and tested once more, so that the text ends with packs that work.

A command that ends in `&` is an engine: the test waits until it answers and stops it at the end of the document or at
`$ kill %1`. Port 9464 is replaced by a free one, so that documents can be read at the same time."""
import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

root = pathlib.Path(__file__).resolve().parent.parent
documented_port = "9464"


def blocks(text):
    """(language, first line number, lines) of every fenced block."""
    found, language, start, lines = [], None, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        if language is None and re.match(r"```\w*\s*$", line):
            language, start, lines = line[3:].strip(), number, []
        elif language is not None and line.strip() == "```":
            found.append((language, start, lines))
            language = None
        elif language is not None:
            lines.append(line)
    if language is not None:
        raise ValueError(f"the block that begins in line {start} never ends")
    return found


def commands(start, lines):
    """(line number, command, expected lines) of a console block."""
    found = []
    for number, line in enumerate(lines, start + 1):
        if line.startswith("$ "):
            found.append([number, line[2:], []])
        elif found and not found[-1][2] and found[-1][1].endswith("\\"):
            found[-1][1] = found[-1][1][:-1] + line.strip()
        elif found:
            found[-1][2].append(line)
        else:
            raise ValueError(f"line {number}: output before the first command")
    return found


def matches(expected, got):
    """Lines against lines; `...` alone is any number of lines, inside a line any text."""
    if not expected:
        return not got
    if expected[0].strip() == "...":
        return any(matches(expected[1:], got[i:]) for i in range(len(got) + 1))
    if not got:
        return False
    pattern = ".*".join(re.escape(part) for part in expected[0].rstrip().split("..."))
    return re.fullmatch(pattern, got[0].rstrip()) is not None and matches(expected[1:], got[1:])


def self_check():
    assert matches(["a", "...", "d"], ["a", "b", "c", "d"]) and matches(["1 test, ... s"], ["1 test, 0.02 s"])
    assert not matches(["a"], ["a", "b"]) and not matches(["a", "b"], ["a"]) and not matches(["a.c"], ["abc"])
    assert blocks("```lua\nx\n```\n") == [("lua", 1, ["x"])]
    assert commands(1, ["$ a \\", "  b", "c"]) == [[2, "a b", ["c"]]]


class Reading:
    """One document being read in a folder of its own."""

    def __init__(self, path, binary, folder):
        self.path, self.folder = path, folder
        shims = folder / ".bin"
        shims.mkdir()
        (shims / "tidewatch").symlink_to(binary)
        self.environment = {**os.environ, "PATH": f"{shims}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            self.environment.pop(name, None)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = str(s.getsockname()[1])
        self.engines, self.faults, self.ran, self.files = [], [], 0, 0

    def fault(self, line, text):
        self.faults.append(f"{self.path.relative_to(root)}:{line}: {text}")

    def read(self):
        for language, start, lines in blocks(self.path.read_text()):
            if language == "lua" and lines and lines[0].startswith("-- file: "):
                self.write(start, lines)
            elif language == "console":
                for number, command, expected in commands(start, lines):
                    self.run(number, command, expected)
        for pack in sorted(self.folder.glob("*/pack.lua")):
            name = pack.parent.name
            self.must_work(["tidewatch", "check", name])
            if list(pack.parent.glob("*_test.lua")):
                self.must_work(["tidewatch", "test", name])
        return self.faults

    def write(self, start, lines):
        name = lines[0].removeprefix("-- file: ").strip()
        target = (self.folder / name).resolve()
        if self.folder.resolve() not in target.parents:
            return self.fault(start, f"{name} is outside the document's folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(lines) + "\n")
        self.files += 1

    def must_work(self, command):
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            self.fault(0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")

    def run(self, number, command, expected):
        self.ran += 1
        try:
            got = self.output_of(command.replace(documented_port, self.port)).replace(self.port, documented_port)
        except (subprocess.TimeoutExpired, RuntimeError) as problem:
            return self.fault(number, f"$ {command}\n{problem}")
        while expected and not expected[-1].strip():
            expected = expected[:-1]
        lines = got.rstrip("\n").split("\n") if got.strip() else []
        if not matches(expected, lines):
            self.fault(number, "\n".join([f"$ {command}", "--- documented", *expected, "--- got", *lines]))

    def output_of(self, command):
        if command == "kill %1":
            return self.stop(self.engines.pop()) if self.engines else "no engine runs"
        if command.endswith("&"):
            return self.start(command[:-1].strip())
        done = subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300)
        return done.stdout + done.stderr  # apart, because a pipe does not keep their order; a terminal does

    def start(self, command):
        log = self.folder / f".engine{len(self.engines)}.log"
        with log.open("wb") as out:
            engine = subprocess.Popen(["bash", "-c", "exec " + command], cwd=self.folder, env=self.environment,
                                      stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        self.engines.append((engine, log))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(300):
            if engine.poll() is not None:
                raise RuntimeError(f"ended with {engine.returncode}:\n{log.read_text()}")
            try:
                opener.open(f"http://127.0.0.1:{self.port}/-/ready", timeout=5).read()
                return log.read_text()
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("not ready after 30 s:\n" + log.read_text())

    @staticmethod
    def stop(engine_and_log):
        engine, log = engine_and_log
        seen = len(log.read_text())
        if engine.poll() is None:
            engine.send_signal(signal.SIGTERM)
        code = engine.wait(timeout=60)
        rest = log.read_text()[seen:]
        return rest if code == 0 else rest + f"ended with {code}\n"

    def end(self):
        while self.engines:
            self.stop(self.engines.pop())


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--binary", required=True)
    arguments.add_argument("--build")
    arguments.add_argument("--only", help="documents whose path contains this text")
    given = arguments.parse_args()
    self_check()
    binary = pathlib.Path(given.binary).resolve()
    documents = [root / "README.md", root / "HACKING.md", root / "docs" / "operations.md",
                 *sorted((root / "docs" / "guide").glob("*.md")), *sorted((root / "docs" / "decisions").glob("*.md"))]
    faults, ran, files = [], 0, 0
    for path in documents:
        if given.only and given.only not in str(path):
            continue
        folder = pathlib.Path(tempfile.mkdtemp(prefix="tidewatch-documents-"))
        try:
            reading = Reading(path, binary, folder)
            try:
                faults += reading.read()
            finally:
                reading.end()
            ran, files = ran + reading.ran, files + reading.files
        except ValueError as problem:
            faults.append(f"{path.relative_to(root)}: {problem}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if not given.only and (ran < 10 or files < 5):
        faults.append(f"only {ran} commands and {files} files were found: are the blocks still marked?")
    print("\n\n".join(faults))
    print(f"{len(documents)} documents, {files} files, {ran} commands, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
