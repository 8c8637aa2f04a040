"""The packs the rows run: what a monitor author would write, with thresholds nothing reaches."""

PREDICTIONS = """
local p = stream "predictions" {
  time = "ts",
  columns = {
    { "ts", "time" }, { "id", "string" }, { "model", "category" }, { "version", "category" }, { "region", "category" },
    { "segment", "category" }, { "pred", "number" }, { "label", "integer?" }, { "latency_ms", "number" },
    { "status", "integer" },
  },
}
"""


def ten_metrics(window='over = "16m", step = "1m"', every="10m", psi=""):
    """Ten metrics over four label columns. `psi` names a baseline file to replace one mean by a drift metric."""
    text = PREDICTIONS + f"""
local by = {{ "model", "version", "region", "segment" }}
local function watch(name, value)
  monitor(name) {{ value = value, warning = above(1e300), every = "{every}", on_no_data = "ok", limit = 1000000 }}
end
local w = {{ {window}, by = by, most_series = 120000 }}
watch("n", p:count(w))
watch("mean", p:mean("latency_ms", w))
watch("deviation", p:standard_deviation("latency_ms", w))
watch("least", p:min("latency_ms", w))
watch("most", p:max("latency_ms", w))
watch("p95", p:p95("latency_ms", w))
watch("nulls", p:null_rate("label", w))
watch("errors", p:share("status >= 500", w))
watch("brier", p:brier("pred", "label", w))
"""
    if psi:
        return text + f"""
baseline "reference" {{ stream = p, file = "{psi}" }}
watch("drift", p:psi("pred", {{ {window}, by = by, against = baseline "reference" }}))
"""
    return text + 'watch("score", p:mean("pred", w))\n'


def thousand_monitors(count, window):
    """`count` monitors with handles of their own: ten metrics of each of count / 10 values of a label, every minute."""
    metrics = ['p:count(w)', 'p:mean("x", w)', 'p:max("x", w)', 'p:min("x", w)', 'p:sum("x", w)', 'p:standard_deviation("x", w)',
               'p:p95("x", w)', 'p:null_rate("x", w)', 'p:share("x > 2", w)', 'p:p50("x", w)']
    text = ['local p = stream "values" { time = "ts", columns = { { "ts", "time" }, { "model", "category" }, { "x", "number?" } } }',
            f"for g = 0, {max(1, count // 10) - 1} do", f'  local w = {{ {window}, where = ("model == \\"m%d\\""):format(g) }}']
    for i, metric in enumerate(metrics):
        text.append(f'  monitor(("m%d-{i}"):format(g)) {{ value = {metric}, critical = above(1e9):lasting("5m"), every = "1m", '
                    'on_no_data = "ok" }')
    return "\n".join(text + ["end"]) + "\n"


def judges(count, form, every="1m", lasting=' :lasting("5m")'):
    """`count` monitors over three shared handles: `closure` reads three windows in Lua, `native` is a condition."""
    text = """
local p = stream "values" { time = "ts", columns = { { "ts", "time" }, { "model", "category" }, { "x", "number?" } } }
local w = { over = "5m", step = "1m" }
local n, mean, most = p:count(w), p:mean("x", w), p:max("x", w)
"""
    if form == "closure":
        return text + f"""
for i = 1, {count} do
  local since = 0
  monitor("c" .. i) {{
    inputs = {{ n = n, mean = mean, most = most }}, every = "{every}", on_no_data = "ok",
    when = function(now)
      if now.n.value > 3 and now.mean.value > 1e6 + i and now.most.value > 0 then
        since = since + 1
        if since >= 5 then return critical "beyond" end
      else
        since = 0
      end
    end,
  }}
end
"""
    return text + f"""
for i = 1, {count} do
  monitor("c" .. i) {{ value = mean, critical = above(1e6 + i){lasting}, every = "{every}", on_no_data = "ok" }}
end
"""


def detect(port, every, window):
    """A key whose newest values are above a line is told to a webhook; with the ten metrics beside it for load."""
    return ten_metrics() + f"""
local keys = stream "keys" {{ time = "ts", columns = {{ {{ "ts", "time" }}, {{ "key", "category" }}, {{ "score", "number" }} }} }}
webhook "hook" {{ url = "http://127.0.0.1:{port}/hook" }}
monitor "key-score" {{
  value = keys:max("score", {{ {window}, by = "key" }}), critical = above(0.5), every = "{every}", on_no_data = "keep",
  limit = 1000000, flapping = false,
}}
"""


SIXTY = """
local p = stream "values" { time = "ts", columns = { { "ts", "time" }, { "model", "category" }, { "x", "number?" } } }
for i = 1, 60 do
  monitor("m" .. i) {
    value = p:mean("x", { over = "5m", step = "1m", where = ("model == \\"m%d\\""):format(i) }),
    critical = above(100):lasting "5m", every = "1m", on_no_data = "ok",
  }
end
"""
