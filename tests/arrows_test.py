"""Includes point downward only: base <- records <- metrics <- monitors <- incidents <- runbooks <- core <- io,
bindings <- app. The core folders know neither Lua nor libuv, and heavy libraries stay out of headers others read."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
rank = {"base": 0, "records": 1, "metrics": 2, "monitors": 3, "incidents": 4, "runbooks": 5, "core": 6, "store": 6,
        "io": 7, "bindings": 7, "app": 8}
may_also = {("store", "base"), ("app", "io"), ("app", "bindings"), ("io", "store"), ("app", "store")}
# Within metrics: the plain data of handles and readings, then the rooms, then the engine in the folder itself.
plain = {"handle.h", "reading.h", "shared_reading.h", "chance.h", "metric_engine.h", "stream_metrics.h"}
below = {"statistics": set(), "detectors": {"statistics"}, "families": {"statistics"},
         "windows": {"statistics", "families"}, "joins": {"statistics", "families", "windows"}}
heavy = re.compile(r"nlohmann|boost/|fmt/|spdlog|simdjson|curl/|sqlite3|date/")


def room_of(path):
    parts = path.relative_to(root).parts
    if parts[0] == "bindings":
        return "bindings"
    return parts[1]


def room_of_include(name):
    first = name.split("/")[0]
    return first if first in rank else None


def climbs_within_metrics(path, name):
    room, parts = path.relative_to(root / "engine/metrics").parts[0], name.split("/")[1:]
    if room not in below:
        return False
    return parts[0] not in below[room] | {room} if len(parts) == 2 else parts[0] not in plain


faults = []
files = [p for d in ("engine", "bindings") for p in (root / d).rglob("*") if p.suffix in (".h", ".cc")]
assert len(files) > 40, "the tree was not found"
for path in files:
    room = room_of(path)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#include\s*([<"])([^>"]+)[>"]', line)
        if not found:
            continue
        name = found.group(2)
        where = f"{path.relative_to(root)}:{number}"
        if room not in ("bindings",) and re.fullmatch(r"lua.*\.h(pp)?|lauxlib\.h|lualib\.h", name):
            faults.append(f"{where}: {room} includes {name}; only bindings may")
        if room not in ("io",) and name == "uv.h":
            faults.append(f"{where}: {room} includes uv.h; only io may")
        is_private = room == "store" and name == "sqlite3.h"  # store.h, the face others read, does not include these
        if path.suffix == ".h" and heavy.search(name) and found.group(1) == "<" and not is_private:
            faults.append(f"{where}: a header includes {name}; keep it in a .cc")
        if room == "metrics" and name.startswith("metrics/") and climbs_within_metrics(path, name):
            faults.append(f"{where}: includes {name}: the arrow climbs within metrics")
        if found.group(1) == '"':
            target = room_of_include(name)
            if target is None or target == room:
                continue
            if rank[target] > rank[room] or (rank[target] == rank[room] and (room, target) not in may_also):
                faults.append(f"{where}: {room} includes {name}: the arrow climbs")
            if room == "store" and target != "base":
                faults.append(f"{where}: store stands on base alone, includes {name}")

for f in faults:
    print(f)
print(f"{len(files)} files, {len(faults)} arrows that climb")
sys.exit(1 if faults else 0)
