"""The same inputs give the same bytes: in two processes, across restarts at any point, and with the other Lua.

The other builds beside this one (build/dev, build/lua54, build/release) are compared with when they are there and newer
than the sources of this tool; which ones were is printed.
"""
import argparse
import os
import random
import subprocess


def answer(tool, pack, seed, every=0):
    ended = subprocess.run([tool, pack, str(seed), str(every)], capture_output=True, text=True, timeout=120)
    if ended.returncode != 0:
        raise AssertionError("%s ended with %d:\n%s" % (tool, ended.returncode, ended.stderr))
    return ended.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", help="not needed here")
    parser.add_argument("--build", required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    arguments = parser.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    pack = os.path.join(here, "packs", "repeat")
    tool = os.path.join(arguments.build, "tests", "repeat_tool")
    print("seed %d" % arguments.seed)
    wanted = answer(tool, pack, arguments.seed)
    rows, messages = (int(n) for n in wanted.split()[1:])
    assert rows > 50 and messages > 20, "too little happened to compare: " + wanted
    for every in (0, 1, 2, 7, 50, 333):
        got = answer(tool, pack, arguments.seed, every)
        assert got == wanted, "seed %d, restarted every %d inputs: expected %s, got %s" % (arguments.seed, every, wanted, got)
    other = answer(tool, pack, arguments.seed + 1)
    assert other != wanted, "another seed gave the same: the comparison sees nothing"
    source = os.path.getmtime(os.path.join(here, "tools", "repeat_tool.cc"))
    for build in ("dev", "lua54", "release"):
        beside = os.path.join(os.path.dirname(os.path.abspath(arguments.build)), build, "tests", "repeat_tool")
        if os.path.exists(beside) and os.path.abspath(beside) != os.path.abspath(tool) and os.path.getmtime(beside) >= source:
            for seed in range(arguments.seed, arguments.seed + 3):
                here_says, there_says = answer(tool, pack, seed), answer(beside, pack, seed)
                assert here_says == there_says, "seed %d: %s says %s, %s says %s" % (seed, tool, here_says, beside, there_says)
            print("the same as " + beside)
    print(wanted)


if __name__ == "__main__":
    main()
