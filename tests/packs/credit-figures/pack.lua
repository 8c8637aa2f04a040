-- Loans whose outcome is known years later: a model's quality by quarter and by fourteen days, its approval rate, drift
-- of columns against the quarter before it was deployed, nulls. Monitors that never fire; a test reads their values.
local loans = stream "loans" {
  time = "approval_date",
  columns = {
    { "loan", "string" }, { "approval_date", "time" }, { "disbursement_date", "time?" }, { "state", "category?" },
    { "bank_state", "category?" }, { "naics2", "category?" }, { "term_months", "integer?" },
    { "employees", "integer?" }, { "new_business", "category?" }, { "urban_rural", "category?" },
    { "revolving", "category?" },
    { "lowdoc", "category?" }, { "gross_approved", "number?" }, { "sba_guaranteed", "number?" },
    { "gross_disbursed", "number?" }, { "charged_off", "integer?" }, { "charge_off_date", "time?" },
    { "charge_off_amount", "number?" }, { "maturity_date", "time?" }, { "pd_score", "number?" },
    { "pd_score_leaky", "number?" },
  },
}
loans:derive { delay_days = "(charge_off_date - approval_date) / 86400" }
baseline "2004Q3" { stream = "loans", from = "2004-07-01", to = "2004-10-01" }

local function figure(name, value)
  monitor(name) { value = value, every = "1 day", info = above(1e12), on_no_data = "ok" }
end

for _, metric in ipairs { "accuracy", "brier", "ece", "auc" } do
  figure(metric, loans[metric](loans, "pd_score", "charged_off", { over = "calendar quarter" }))
end
figure("auc-leaky", loans:auc("pd_score_leaky", "charged_off", { over = "calendar quarter" }))
figure("charged-off", loans:sum("charged_off", { over = "calendar quarter", where = "pd_score ~= nil" }))
figure("charge-off-rate", loans:mean("charged_off", { over = "calendar quarter", where = "pd_score ~= nil" }))
figure("mean-score", loans:mean("pd_score", { over = "calendar quarter", where = "charged_off ~= nil" }))
figure("auc-14-days", loans:auc("pd_score", "charged_off", { over = "14 days", step = "1 day", min_n = 200 }))
figure("loans-day", loans:count { over = "calendar day" })

local approved = loans:share("pd_score < 0.25", { over = "calendar week" })
figure("approved-quarter", loans:share("pd_score < 0.25", { over = "calendar quarter" }))
figure("approved-week", approved)
figure("approved-deviation", approved:deviation { from = baseline "2004Q3" })

local drift = { over = "calendar quarter", against = baseline "2004Q3", smoothing = "floor", point_masses = false }
for _, column in ipairs { "gross_approved", "pd_score", "employees" } do
  for _, metric in ipairs { "psi", "kl", "js" } do
    figure(metric .. "-" .. column, loans[metric](loans, column, drift))
  end
  figure("ks-" .. column, loans:ks(column, { over = "calendar quarter", against = baseline "2004Q3" }))
  figure("psi-width-" .. column, loans:psi(column, {
    over = "calendar quarter", against = baseline "2004Q3", smoothing = "floor", point_masses = false,
    bins = { equal_width = 10 },
  }))
end
for _, column in ipairs { "revolving", "lowdoc", "urban_rural", "new_business" } do
  figure("psi-" .. column, loans:psi(column, {
    over = "calendar quarter", against = baseline "2004Q3", smoothing = "floor", point_masses = false, nulls = "bin",
  }))
end

local all = { over = "3650 days", step = "1 day" }
for _, column in ipairs {
  "disbursement_date", "bank_state", "revolving", "charged_off", "charge_off_date", "maturity_date",
} do
  figure("nulls-" .. column, loans:null_rate(column, all))
end
for _, q in ipairs { 50, 95 } do
  figure("delay-" .. q, loans:quantile("delay_days", {
    over = "3650 days", step = "1 day", q = q / 100, exact = true, where = "charge_off_date ~= nil",
  }))
end
figure("delay-negative", loans:share("delay_days < 0", {
  over = "3650 days", step = "1 day", where = "charge_off_date ~= nil",
}))
