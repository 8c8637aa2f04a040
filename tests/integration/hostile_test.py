"""A healthy pack beside a hostile one, in the real binary: every script of tests/hostile as a `when` function, and
monitors that stay just under their budget for ever. The healthy pack's evaluations happen each second, pages answer,
and the process lives. Then a process that crashes inside a call, twice: at the third start that pack is quarantined, the
alerts are as they were. One that is killed from outside, however often, silences nobody.

Nothing in the real binary crashes on request. So a crash is a kill inside the call and the mark that the handler of
fatal signals would have left; that it does leave it is in tests/hostile/stall_watch_test.cc."""
import argparse
import glob
import json
import os
import signal
import struct
import time

from running_engine import Engine, check, is_sanitized, utc, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECONDS = 12

STREAM = """
local rows = stream "%s" { time = "time", columns = { { "time", "time" }, { "amount", "number" } } }
local inputs = { n = rows:count { over = "1h", read = "open" } }
"""
HEALTHY = STREAM % "orders" + """
monitor "many" { value = rows:count { over = "1h", read = "open" }, every = "1s", warning = above(2) }
""" + "".join("""
local calls_%d = 0
monitor "steady-%d" { every = "1s", inputs = inputs, when = function() calls_%d = calls_%d + 1 return warning "still here" end }
""" % (i, i, i, i) for i in range(4))

# Tens of milliseconds that end well, so that no strike ever silences them.
BUSY = """
monitor "busy-%d" { every = "1s", inputs = inputs, when = function()
  local n = 0
  for i = 1, 1500000 do n = n + i %% 7 end
end }
"""
RAISED = """
monitor "raised" { every = "1s", inputs = inputs, when = function() return critical "raised before" end }
"""


def hostile_packs():
    """The scripts that want memory apart: three of their strikes silence all of their pack."""
    scripts = sorted(glob.glob(os.path.join(ROOT, "tests/hostile/*.lua")))
    check(len(scripts) >= 60, "the corpus is there", len(scripts))
    hostile, greedy = STREAM % "feed", STREAM % "want"
    for path in scripts:
        name = os.path.splitext(os.path.basename(path))[0]
        with open(path) as file:
            text = file.read()
        if not text.startswith("\x1b"):  # no function can begin like that
            monitor = "monitor \"%s\" { every = \"1s\", inputs = inputs, when = function()\n%s\nend }\n" % (name, text)
            if "outcome: memory" in text:
                greedy += monitor
            else:
                hostile += monitor
    return hostile, greedy


def post(engine, *streams):
    rows = "".join(json.dumps({"time": utc(time.time()), "amount": i}) + "\n" for i in range(5))
    for stream in streams:
        check(engine.post("/api/v1/records/" + stream, rows).json()["accepted"] == 5, "rows land")


def beside_hostile(binary):
    with Engine(binary) as engine:
        hostile, greedy = hostile_packs()
        engine.write_pack("hostile", hostile)
        engine.write_pack("greedy", greedy)
        engine.write_pack("busy", STREAM % "work" + "".join(BUSY % i for i in range(12)))
        engine.write_pack("healthy", HEALTHY)
        engine.start()
        post(engine, "orders", "feed", "want", "work")
        time.sleep(2)
        before = engine.metric("tidewatch_evaluations_total", pack="healthy")
        began = time.monotonic()
        slowest = 0.0
        while time.monotonic() - began < SECONDS:
            asked = time.monotonic()
            check(engine.get("/-/healthy").status == 200, "pages answer")
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(0.2)
        took = time.monotonic() - began
        judged = engine.metric("tidewatch_evaluations_total", pack="healthy") - before
        missed = engine.metric("tidewatch_script_deferred_total", pack="healthy")
        facts = {name: engine.metric("tidewatch_script_" + name, pack="hostile")
                 for name in ("deferred_total", "quarantined_units", "stalls_total", "memory_bytes", "memory_peak_bytes")}
        facts["errors"] = {kind: engine.metric("tidewatch_script_errors_total", pack="hostile", kind=kind)
                           for kind in ("error", "budget", "memory")}
        facts["cpu"] = engine.metric("tidewatch_script_cpu_seconds_total", pack="hostile", context="monitor")
        print("healthy: %.0f evaluations in %.1f s, %.0f put off; slowest page %.0f ms; hostile: %s"
              % (judged, took, missed, slowest * 1000, facts))
        check(judged >= 0.6 * 4 * took, "four functions are judged about each second", judged, took)
        check(engine.process.poll() is None, "the process lives")
        if not is_sanitized:  # there CPU time runs out first
            check(engine.metric("tidewatch_script_errors_total", pack="greedy", kind="memory") >= 2, "memory was refused")
        check(facts["errors"]["budget"] >= 10 and facts["errors"]["error"] >= 5, "the hostile ones did run", facts)
        check(facts["quarantined_units"] >= 5, "three strikes silence them", facts)
        check(engine.metric("tidewatch_script_deferred_total", pack="busy") > 0, "what is left over is put off")
        check(engine.metric("tidewatch_script_quarantined_units", pack="busy") == 0, "who stays within it has no strike")
        lua = sum(engine.metric("tidewatch_script_cpu_seconds_total", pack=pack, context="monitor")
                  for pack in ("hostile", "greedy", "busy", "healthy"))
        check(lua < 0.35 * (took + 2) + 1, "all Lua together has about a quarter", lua, took)
        check(slowest < 5, "pages answer in time", slowest)
        check(engine.alert("steady-3")["state"] == "firing", "a healthy function is heard")
        check("died_in_script" not in engine.log(), "nothing died")


def inside(engine, pack, deaths=None):
    """Whether a call of the pack is under way, as the file of running calls says, and so many deaths are known."""
    with open(os.path.join(engine.folder, "state", "running"), "rb") as file:
        page = file.read(276)
    known = struct.unpack_from("<I", page, 272)[0]
    return (struct.unpack_from("<I", page, 8)[0] == 1 and page[16:144].split(b"\0")[0] == pack.encode()
            and (deaths is None or known == deaths))


def kill_inside(engine, pack, deaths=None):
    end = time.monotonic() + 30
    while not inside(engine, pack, deaths):
        check(time.monotonic() < end, "a call of %s is met" % pack)
    engine.kill()
    return inside(engine, pack)


def crash_inside(engine, pack, deaths=None):
    is_inside = kill_inside(engine, pack, deaths)
    if is_inside:
        with open(os.path.join(engine.folder, "state", "running"), "r+b") as file:
            file.seek(276)
            file.write(struct.pack("<I", signal.SIGSEGV))
    return is_inside


def dying(binary):
    with Engine(binary) as engine:
        engine.write_pack("deadly", STREAM % "pulse" + RAISED + "".join(BUSY % i for i in range(12)))
        engine.write_pack("healthy", HEALTHY)
        engine.start()
        post(engine, "orders", "pulse")
        wait_for(lambda: engine.alert("raised") and engine.alert("steady-0"), 20)
        first = engine.alert("raised")["activeAt"]
        kills = 0
        while kills < 3:
            kills += kill_inside(engine, "deadly")
            engine.start()
            check(engine.metric("tidewatch_script_quarantined_units", pack="deadly") == 0, "a kill from outside is nobody's fault")
        check(engine.log().count("killed_in_script pack=deadly") == 3 and "died_in_script" not in engine.log(), "the log says it")
        deaths = 0
        for _ in range(20):  # a kill may come a moment after the call ended
            deaths += crash_inside(engine, "deadly")
            if deaths == 2:
                break
            engine.start()
            check(engine.metric("tidewatch_script_quarantined_units", pack="deadly") == 0, "once is chance")
        check(deaths == 2, "crashed twice inside a call")
        engine.start()
        check(engine.log().count("died_in_script pack=deadly") == 2, "each death is said once")
        check("pack_quarantined pack=deadly" in engine.log(), "the log says it")
        check(engine.metric("tidewatch_script_quarantined_units", pack="deadly") == 13, "all of it is quarantined")
        check(engine.metric("tidewatch_script_quarantined_units", pack="healthy") == 0, "nothing else is")
        wait_for(lambda: engine.metric("tidewatch_evaluations_total", pack="deadly") > 0)
        time.sleep(2.5)
        check(not engine.metric("tidewatch_script_calls_total", pack="deadly", context="monitor", outcome="ok"),
              "none of its functions is called")
        after = engine.alert("raised")
        check(after and after["state"] == "firing" and after["activeAt"] == first, "its alert is held", first, after)
        check(engine.alert("steady-0")["state"] == "firing", "the other pack's alert stands")
        # A person mends it and reloads.
        engine.write_pack("deadly", STREAM % "pulse" + RAISED)
        check(engine.post("/-/reload").status == 200, "a reload is taken")
        check(engine.metric("tidewatch_script_quarantined_units", pack="deadly") == 0, "a reload restores it")
        wait_for(lambda: engine.metric("tidewatch_script_calls_total", pack="deadly", context="monitor", outcome="ok"))


def dying_in_load(binary):
    with Engine(binary) as engine:
        engine.write_pack("healthy", HEALTHY)
        engine.write_pack("deadly", STREAM % "pulse" + RAISED)
        engine.start()
        post(engine, "orders", "pulse")
        wait_for(lambda: engine.alert("raised") and engine.alert("steady-0"), 20)
        check(engine.end() == 0, "it ends well")
        whole = STREAM % "pulse" + RAISED
        endless = "for i = 1, 1e12 do end\n" + whole
        engine.write_pack("deadly", endless)
        kills = 0
        while kills < 5:
            engine.start(wait=False)
            kills += kill_inside(engine, "deadly", 0)
        engine.write_pack("deadly", whole)
        engine.start()
        check("pack_not_loaded" not in engine.log(), "killed from outside five times while it loads, it is loaded")
        check(engine.alert("raised") and engine.alert("raised")["state"] == "firing", "with its alert")
        check(engine.end() == 0, "it ends well")
        engine.write_pack("deadly", endless)
        deaths = 0
        for _ in range(20):
            engine.start(wait=False)
            deaths += crash_inside(engine, "deadly", deaths)
            if deaths == 2:
                break
        check(deaths == 2, "crashed twice while it loads")
        engine.start()
        check("pack_not_loaded pack=deadly" in engine.log(), "it is left out")
        wait_for(lambda: engine.alert("steady-0"))
        held = engine.alert("raised")
        check(held and held["state"] == "firing", "its alert is held while it is away", held)
        check(engine.end() == 0, "it ends well")
        engine.write_pack("deadly", whole)
        engine.start()
        wait_for(lambda: engine.alert("raised"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="build/dev/tidewatch")
    parser.add_argument("--build")
    binary = os.path.abspath(parser.parse_args().binary)
    beside_hostile(binary)
    dying(binary)
    dying_in_load(binary)
