"""Reload on a running engine: an edit keeps what it does not change, a broken script changes nothing, and what is
removed says so. Through the real binary, because the question is what a person sees who edits a file and reloads."""
import argparse
import json
import signal
import time

from running_engine import Engine, Sink, check, utc, wait_for

HEAD = """
local orders = stream "orders" { time = "time", columns = { { "time", "time" }, { "amount", "number" } } }
webhook "hook" { url = "%s" }
"""
MANY = """
monitor "many" {
  value = orders:count { over = "1h", read = "open" }, every = "1s", %s = above(%d), on_no_data = "keep",
  annotations = { summary = "%s" },
}
"""
LARGE = """
monitor "large" { value = orders:max("amount", { over = "1h", read = "open" }), every = "1s", critical = above(100) }
"""
# Five faults of five kinds, each in a statement of its own.
BROKEN = HEAD + """
monitor "column" { value = orders:mean("amont", { over = "1h" }), warning = above(1) }
monitor "duration" { value = orders:count { over = "1 hoor" }, warning = above(1) }
monitor "field" { value = orders:count { over = "1h" }, warning = above(1), evry = "1s" }
monitor "no-value" { warning = above(1) }
monitor "level" { value = orders:count { over = "1h" }, warning = above("high") }
"""
FAULTS = ["amont", "1 hoor", "evry", "no-value", "high"]


def events(sink):
    return [(body["tidewatch"]["event"], body["tidewatch"]["monitor"], body["tidewatch"]["reason"])
            for body in sink.accepted()]


def run(binary):
    sink = Sink()
    with Engine(binary) as engine:
        head = HEAD % sink.url
        engine.write_pack("shop", head + MANY % ("warning", 2, "first words") + LARGE)
        engine.start()
        # A count says nothing until its window lies whole behind the first row: that one is older than the window.
        engine.post("/api/v1/records/orders", json.dumps({"time": utc(time.time() - 7200), "amount": 1}))
        rows = "".join(json.dumps({"time": utc(time.time()), "amount": 150 + i}) + "\n" for i in range(5))
        check(engine.post("/api/v1/records/orders", rows).json()["accepted"] == 5, "five rows land")
        wait_for(lambda: len(sink.accepted("firing")) == 2)
        first = engine.alert("many")
        check(first["state"] == "firing" and first["annotations"]["summary"] == "first words", "it fires", first)

        # An edit of words and threshold: the alert stays, under its old date, and nobody is told anything.
        engine.write_pack("shop", head + MANY % ("warning", 3, "second words") + LARGE)
        answer = engine.post("/-/reload")
        check(answer.status == 200, "an edited script is taken", answer)
        second = engine.alert("many")
        check(second["activeAt"] == first["activeAt"], "the alert keeps its date", first, second)
        check(second["annotations"]["summary"] == "second words", "the new words are in use", second)
        time.sleep(2.2)  # two evaluations under the new rule
        check(engine.alert("many")["activeAt"] == first["activeAt"], "also after it was judged", engine.alert("many"))
        check(len(sink.accepted()) == 2, "nobody was told of the edit", *events(sink))
        check(engine.metric("tidewatch_last_reload_successful") == 1, "the gauge says the reload worked")

        # Five faults: all of them in the answer, the old version runs on.
        engine.write_pack("shop", BROKEN % sink.url)
        answer = engine.post("/-/reload")
        check(answer.status >= 400, "a broken script is refused", answer)
        for fault in FAULTS:
            check(fault in answer.text, "expected the answer to name the fault %r" % fault, answer.text)
        check("shop/pack.lua:" in answer.text, "with file and line", answer.text)
        check(engine.metric("tidewatch_last_reload_successful") == 0, "the gauge says the reload failed")
        check(engine.alert("many")["annotations"]["summary"] == "second words", "the old version runs on")
        more = "".join(json.dumps({"time": utc(time.time()), "amount": 1}) + "\n" for _ in range(4))
        check(engine.post("/api/v1/records/orders", more).json()["accepted"] == 4, "and takes rows")
        wait_for(lambda: float(engine.alert("many")["value"]) == 9)

        # SIGHUP does the same, in both directions.
        moment = engine.metric("tidewatch_last_reload_success_seconds")
        engine.signal(signal.SIGHUP)
        wait_for(lambda: "reload_failed" in engine.log())
        check(engine.alert("many")["activeAt"] == first["activeAt"], "a refused SIGHUP changes nothing")
        engine.write_pack("shop", head + MANY % ("warning", 3, "third words"))
        engine.signal(signal.SIGHUP)
        wait_for(lambda: engine.metric("tidewatch_last_reload_successful") == 1)
        check(engine.metric("tidewatch_last_reload_success_seconds") > moment, "the date of the reload moved on")
        check(engine.alert("many")["annotations"]["summary"] == "third words", "SIGHUP takes the new words")

        # The monitor that is gone from that version ends, and its receiver hears why.
        wait_for(lambda: sink.accepted("resolved", "shop/large"))
        check(engine.alert("large") is None, "the removed monitor's alert is gone")
        check(("resolved", "shop/large", "monitor removed") in events(sink), "with its reason", *events(sink))

        # A severity that rises through an edit is news.
        engine.write_pack("shop", head + MANY % ("critical", 3, "third words"))
        check(engine.post("/-/reload").status == 200, "reload")
        wait_for(lambda: [e for e in events(sink) if e[0] == "severity" and e[1] == "shop/many"])
        check(engine.alert("many")["activeAt"] == first["activeAt"], "still the same alert", engine.alert("many"))

        # A restart with an edited pack removes as a reload does.
        engine.end()
        engine.write_pack("shop", head)
        engine.start()
        wait_for(lambda: sink.accepted("resolved", "shop/many"))
        check(("resolved", "shop/many", "monitor removed") in events(sink), "with its reason", *events(sink))
        check(len(sink.accepted("resolved")) == 2, "each once", *events(sink))
        check(engine.end() == 0, "the engine ends with 0")
    sink.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--build", help="the build folder (not needed here)")
    run(parser.parse_args().binary)


if __name__ == "__main__":
    main()
