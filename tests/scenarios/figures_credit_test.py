"""Eight years of small-business loans with outcomes known years later: model quality by quarter and by 14 days,
approval rate by week, drift against the quarter before deployment, nulls, and how late the outcome came."""
import datetime

from figures import Backtest, Figures, root


def day_after(day, days=1):
    return (datetime.date.fromisoformat(day) + datetime.timedelta(days=days)).isoformat()


def quarter_end(quarter):
    year, number = int(quarter[:4]), int(quarter[5])
    return f"{year + number // 4}-{number % 4 * 3 + 1:02}-01"


figures = Figures("credit")
expected = figures.expected
numbers = ("gross_approved", "pd_score", "employees")
categories = ("revolving", "lowdoc", "urban_rural", "new_business")
by_quarter = {"accuracy": "accuracy", "brier": "brier", "ece": "ece10", "auc": "auc", "auc-leaky": "auc_leaky",
              "charge-off-rate": "charge_off_rate", "mean-score": "mean_pd", "charged-off": "pos"}
names = list(by_quarter) + ["auc-14-days", "loans-day", "approved-quarter", "approved-week", "approved-deviation"]
names += [f"{m}-{c}" for m in ("psi", "kl", "js", "ks", "psi-width") for c in numbers]
names += [f"psi-{c}" for c in categories]
names += [f"nulls-{c}" for c in expected["null_pct"]] + ["delay-50", "delay-95", "delay-negative"]
back = Backtest(root / "tests/packs/credit-figures", {"loans": figures.data / "credit/sba_loans.csv.gz"}, names,
                to="2005-01-10")
figures.same("rows", back.records - back.rejected)

# A value that the reference lacks has a bin of its own there, and shares the bin `new` here.
several_new = {("1997Q1", "revolving"), ("1997Q2", "revolving")}
for quarter in expected["by_quarter"]:
    end = quarter_end(quarter)
    figures.same(f"by_quarter/{quarter}", {key: back[name].value(end) for name, key in by_quarter.items()})
    figures.same(f"by_quarter/{quarter}/n", back["brier"].at(end)[2])
    for column in numbers:
        path = f"drift_vs_2004Q3/{quarter}/{column}"
        figures.same(path, {"n_ref": back[f"psi-{column}"].at("2004-10-01")[2],
                            "n_cur": back[f"psi-{column}"].at(end)[2], "psi_q10": back[f"psi-{column}"].value(end),
                            "js_q10": back[f"js-{column}"].value(end),
                            "psi_w10": back[f"psi-width-{column}"].value(end),
                            "kl_q10": back[f"kl-{column}"].value(end), "ks": back[f"ks-{column}"].value(end)})
    figures.same(f"psi_cat_vs_2004Q3/{quarter}", {c: back[f"psi-{c}"].value(end) for c in categories
                                                  if (quarter, c) not in several_new})

# The fourteen days that end with an approval date, wherever 200 scored loans are in them.
dates = {day_after(row[0][:10], -1) for row in back["loans-day"].ok() if row[1] > 0}
series = [[day_after(row[0][:10], -1), row[2], row[1]] for row in back["auc-14-days"].ok()]
series = [point for point in series if point[0] in dates and point[0] >= "2004"]
figures.same("auc_14d/points", len(series))
figures.same("auc_14d/series", series)
low = [point for point in series if point[2] < 0.65]
figures.same("auc_14d/first_lt_0.65", low[0])
figures.same("auc_14d/days_lt_0.65", len(low))
below = [point for point in series if point[2] < 0.60]
figures.same("auc_14d/first_lt_0.60", below[0] if below else None)
figures.same("auc_14d/days_lt_0.60", len(below))
figures.same("auc_14d/min", min(series, key=lambda point: point[2]))

figures.same("approve_if_pd_lt_0.25_base_2004Q3", back["approved-quarter"].value("2004-10-01"))
for week in expected["approval_rate_by_week"]:
    end = day_after(week, 7)
    figures.same(f"approval_rate_by_week/{week}", [back["approved-week"].at(end)[2], back["approved-week"].value(end),
                                                   100 * back["approved-deviation"].value(end)])

end = "2005-01-01"
figures.same("null_pct", {c: 100 * back[f"nulls-{c}"].rows[-1][1] for c in expected["null_pct"]})
delay = back["delay-50"].rows[-1]
figures.same("label_delay_days_chargeoffs", {"n": delay[2], "p50": delay[1], "p95": back["delay-95"].rows[-1][1],
                                             "neg": delay[2] * back["delay-negative"].rows[-1][1]})
figures.no_metric("psi_cat floors each unseen value; ours share the bin `new` (numpy with one such bin agrees with us)",
                  *(f"psi_cat_vs_2004Q3/{quarter}/{column}" for quarter, column in sorted(several_new)))
figures.no_metric("Evidently's bins span both samples, which we decided against", "drift_vs_2004Q3/*/*/psi_evidently")
figures.finish()
