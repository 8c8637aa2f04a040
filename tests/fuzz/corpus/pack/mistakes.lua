local s = stream "s" { tiem = "t", columns = { t = "time", x = "nubmer" } }
monitor "a" { value = s:maen("x", { ovr = "1 hoor" }), critical = 0.3 }
monitor "a" { value = s.x }
for k, v in pairs({ 1, 2, a = {} }) do print(k, v, ("%d"):format(1.5)) end
