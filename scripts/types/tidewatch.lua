---@meta
error("types for editors; not to be required")

---Declares what arrives: names and types of the columns of one kind of record.
---@param name string
---@return fun(fields: { columns: any, time: string, key?: string, disorder?: string, idle?: string, future?: string, zone?: string }): any
function stream(name) end

---@class tidewatch.stream
local stream = {}

---Adds number columns computed from others as records arrive. previous(column) is its newest value that is not null in an earlier row, previous(column, series) in one of the same series; rows of a stream that uses it are counted in order, once the watermark has passed them.
---@param columns any New column = expression over the others.
---@return tidewatch.stream
function stream:derive(columns) end

---The predictions that have met their labels, as a stream with the columns of both; a column both have is predicted.c and actual.c. Windows are revised as labels arrive, and judged once enough of them are there.
---@param labels tidewatch.stream The stream whose records say what the outcome was.
---@param options? { on: any, within: string, early?: string, coverage?: number, time?: "predicted"|"actual", most_pending?: integer }
---@return tidewatch.stream
function stream:join(labels, options) end

---Rows accepted over rows received, from 0 to 1, with a 95 % Wilson interval.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:ingested(options) end

---Seconds from the newest event time to now. With unit = "business days": working days strictly between the newest date and today.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:freshness(options) end

---Seconds from the last arrival to now, by the engine's clock.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:arrival_age(options) end

---How many schema facts were seen in the window: columns added, removed, retyped, reordered, nullable.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:schema_changes(options) end

---SHA-256 of the lines name, type, nullable, as received or sorted by name. A text.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:schema_hash(options) end

---Nulls over rows, from 0 to 1, with a 95 % Wilson interval. NaN and "" are not nulls.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:null_rate(column, options) end

---The exact sum, rounded once; 0 for no row.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:sum(column, options) end

---The exact sum over the number of values.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:mean(column, options) end

---The least value.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:min(column, options) end

---The greatest value.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:max(column, options) end

---The sample standard deviation (n - 1), from exact sums. Values of 1e150 and beyond are excluded.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:standard_deviation(column, options) end

---Population stability index: sum of (q - p) ln(q / p), p the baseline's shares, q the window's. p-value: PSI / (1/n + 1/n_ref) as chi-square with one degree less than bins. `against` may also be trailing "28 days" or seasonal "1 week", here and for the metrics below up to drifted_columns.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:psi(column, options) end

---Kullback-Leibler divergence of the window from the baseline, in nats; reverse = true for the other way.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:kl(column, options) end

---Jensen-Shannon distance: the root of the divergence in bits, from 0 to 1.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:js(column, options) end

---Hellinger distance: the root of 1 - sum of sqrt(p q), from 0 to 1.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:hellinger(column, options) end

---Half the sum of |p - q| over the bins, unsmoothed, from 0 to 1.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:total_variation(column, options) end

---The largest |p - q| of a bin, unsmoothed, from 0 to 1.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:l_infinity(column, options) end

---Pearson's chi-square of the two samples' bins; bins expecting under 5 rows are pooled.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:chi2(column, options) end

---Kolmogorov-Smirnov: the largest distance of the two distribution functions, from 0 to 1. Exact up to 100,000 rows. p-value exact while n * n_ref <= 40,000, else Kolmogorov's limit with Stephens' correction.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:ks(column, options) end

---The area between the two distribution functions, in units of the column; scaled = true: in standard deviations of the baseline.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:wasserstein(column, options) end

---Share of columns whose p-value stays at or below 0.05 after Benjamini and Hochberg; their names are in `text`, the least adjusted p-value is its p-value. A column with too few rows is not tested. Assumes columns that are not negatively correlated.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:drifted_columns(options) end

---Share of values below the baseline's least or above its greatest, with a 95 % Wilson interval.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:out_of_range(column, options) end

---Share of values the baseline does not hold, with a 95 % Wilson interval.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:new_values(column, options) end

---How many different values. Exact while each pane holds at most 512, beyond it HyperLogLog with a standard error of 1.63 % (see `error`).
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:distinct(column, options) end

---Share of rows whose key was seen before in the window: 1 - different keys / rows. Exact up to a million keys.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:duplicates(column, options) end

---How often the value differs from the one before it, in event order; nulls are passed over.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:changed(column, options) end

---The newest row's value; of rows with equal times the greatest.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:last(column, options) end

---Mean of |predicted - actual|.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:mae(column, options) end

---Root of the mean of (predicted - actual) squared.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:rmse(column, options) end

---Mean of predicted - actual.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:bias(column, options) end

---The largest |predicted - actual|.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:max_error(column, options) end

---1 - SSE / SST about the window's mean of actual; undefined when actual is constant.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:r2(column, options) end

---Mean of |predicted - actual| / |actual|; rows whose actual is 0 are excluded.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:mape(column, options) end

---Sum of |predicted - actual| over sum of |actual|; forecast accuracy is 1 - wape.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:wape(column, options) end

---Share of rows whose prediction moved from the last actual the way actual did; unchanged rows are excluded.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:directional_hit_rate(column, options) end

---Half the sum of |w - w_ref| over features, w a feature's share of the absolute weights; from 0 to 1. `text` has Spearman's correlation of the weights and how many of the five heaviest stayed.
---@param first string A column of the stream.
---@param second string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:importance_shift(first, second, options) end

---Share of right predictions, with a 95 % Wilson interval. A number prediction is positive at or above threshold.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:accuracy(column, options) end

---True positives over predicted positives; undefined when nothing was predicted positive.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:precision(column, options) end

---True positives over positives; undefined when nothing was positive.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:recall(column, options) end

---2 TP / (2 TP + FP + FN), from 0 to 1.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:f1(column, options) end

---False positives over negatives.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:false_positive_rate(column, options) end

---False negatives over positives.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:false_negative_rate(column, options) end

---Counts of predicted against actual classes, in `text`; its value is the accuracy, with a 95 % Wilson interval. A number prediction is 1 at or above threshold, else 0.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:confusion(column, options) end

---Area under the ROC curve, ties one half; 95 % interval of Hanley and McNeil. Exact up to a million pairs, then over scores rounded to 16 bits (see `error`).
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:auc(column, options) end

---Sum of recall steps times precision from the highest score down, tied scores one step.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:average_precision(column, options) end

---Accuracy to be expected of rows whose outcome is not known yet: the score is read as a probability by an isotonic fit of the labelled baseline. With a 95 % interval of the outcomes' own chance. Assumes that scores mean what they meant in the baseline: a changed relation of score and outcome (concept drift) shows in the realised metric only.
---@param first string A column of the stream.
---@param second string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:estimated_accuracy(first, second, options) end

---Precision to be expected, as estimated_accuracy: the mean probability of the rows predicted positive. Assumes that scores mean what they meant in the baseline: a changed relation of score and outcome (concept drift) shows in the realised metric only.
---@param first string A column of the stream.
---@param second string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:estimated_precision(first, second, options) end

---Recall to be expected, as estimated_accuracy: the probability in the rows predicted positive over all of it. Assumes that scores mean what they meant in the baseline: a changed relation of score and outcome (concept drift) shows in the realised metric only.
---@param first string A column of the stream.
---@param second string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:estimated_recall(first, second, options) end

---F1 to be expected, as estimated_accuracy. Assumes that scores mean what they meant in the baseline: a changed relation of score and outcome (concept drift) shows in the realised metric only.
---@param first string A column of the stream.
---@param second string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:estimated_f1(first, second, options) end

---AUC to be expected, as estimated_accuracy, tied scores one half; exact up to a million rows, then as auc. Assumes that scores mean what they meant in the baseline: a changed relation of score and outcome (concept drift) shows in the realised metric only.
---@param first string A column of the stream.
---@param second string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:estimated_auc(first, second, options) end

---Mean of -ln of the probability given to what happened, clipped at 1e-15. In nats.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:log_loss(column, options) end

---Mean of (score - outcome) squared.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:brier(column, options) end

---Expected calibration error over equal-width bins: mean |mean score - share of positives|, weighted by rows.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:ece(column, options) end

---The largest |mean score - share of positives| of a bin.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:mce(column, options) end

---The calibration table in `bins` (low, high, n, score, positive); its value is the ece.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:calibration(column, options) end

---false_positive times FP plus false_negative times FN; per = "prediction" divides by the rows.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:decision_cost(column, options) end

---Of a joined stream: predictions of the newest closed window whose label is known over all of them, from 0 to 1, with a 95 % Wilson interval. With a score column, `bins` has the share by tenth of the score: the early labels are no random sample.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:coverage(options) end

---Of a joined stream: seconds until the label of a prediction is there, for the share q (0.5) of them, by the Kaplan-Meier curve: predictions still waiting count with their age. `immature`, with that age as `low`, while the curve has not come down to 1 - q.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:label_delay(options) end

---How well the best single feature tells the outcome: max(A, 1 - A) of its AUC for a yes/no outcome, abs(Spearman) for a number, the accuracy of the best map for a category. `text` names the column. Above 0.98 a feature has seen the label. At most 100,000 rows a window.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:leakage(options) end

---Rows in the window.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:count(options) end

---Rows a second of the window.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:rate(options) end

---Rows where the expression is true over rows where it is known, with a 95 % Wilson interval.
---@param expression string True for the rows that count.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:share(expression, options) end

---Whether the rows of a candidate are another than those of the control: a condition compares shares, a number means. Its value is a p that may be looked at after every pane: of equal sides, at most 5 in 100 ever come below 0.05. `least` is the smallest difference worth knowing; with worse = "higher" or "lower" only a candidate that is so counts. It begins where both sides have come and `over` does not reach back further, so let `over` be longer than the trial. Judged from 200 rows a side and 10 of either outcome; the two are in `text`. One column in `by`.
---@param expression string True for the rows that count.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:compare(expression, options) end

---Growth of a counter: a fall is a restart and adds the new value; the first sample is the base. One counter a series: name hosts in `by`.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:increase(column, options) end

---Time the expression was true over time it was known. A sample holds to the next, at most `holds`; how long nothing was known is in `text`.
---@param expression string True for the rows that count.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:time_share(expression, options) end

---Due runs answered within `within` over due runs; a run that never started is a failure, one whose time is not over is pending. n counts runs. 95 % Wilson interval.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:job_success(options) end

---The median: linear between the values at rank q (n - 1) while exact, else within 0.78 % (see `error`).
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:p50(column, options) end

---The 0.75 quantile, as p50.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:p75(column, options) end

---The 0.9 quantile, as p50.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:p90(column, options) end

---The 0.95 quantile, as p50.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:p95(column, options) end

---The 0.99 quantile, as p50.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:p99(column, options) end

---The quantile q (0 to 1), as p50; method = "nearest_rank": the ceil(q n)-th smallest value, one that was there.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:quantile(column, options) end

---Pearson's correlation from exact moments, from -1 to 1; method = "spearman" correlates mid-ranks, up to 100,000 rows.
---@param first string A column of the stream.
---@param second string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:correlation(first, second, options) end

---Where the newest value stands among the N before it, from 0 to 1: the least q with quantile(q) >= value.
---@param column string A column of the stream.
---@param options? { over?: string, by?: any, where?: any, step?: string, against?: any, lateness?: string, min_n?: integer, most_series?: integer, full?: boolean, read?: "closed"|"open"|"mature"|"latest", actual?: string, bins?: any, smoothing?: "half"|"floor", point_masses?: boolean, nulls?: "out"|"bin", reverse?: boolean, q?: number, exact?: boolean, threshold?: number, positive?: string, false_positive?: number, false_negative?: number, per?: "prediction", unit?: "business days", of?: string, calendar?: string, zone?: string, ordered?: boolean, method?: "pearson"|"spearman"|"nearest_rank", scaled?: boolean, test?: "psi"|"chi2"|"ks"|"kl"|"js"|"hellinger", schedule?: string, within?: string, covers?: string, holds?: string, control?: string, candidate?: string, least?: number, worse?: "higher"|"lower", columns?: any }
---@return tidewatch.handle
function stream:percentile_rank(column, options) end

---@class tidewatch.handle
local handle = {}

---This handle over another; division by zero reads `undefined`.
---@param other tidewatch.handle The denominator.
---@return tidewatch.handle
function handle:ratio(other) end

---The same handle as it read this long before.
---@param span string How far back in event time.
---@return tidewatch.handle
function handle:shifted(span) end

---(now - then) / |then|, then this long before.
---@param span string How far back in event time.
---@return tidewatch.handle
function handle:change(span) end

---The value per second of its window.
---@return tidewatch.handle
function handle:rate() end

---The largest value read at pane ends within the span.
---@param span string How far back in event time.
---@return tidewatch.handle
function handle:max_over(span) end

---The smallest value read at pane ends within the span.
---@param span string How far back in event time.
---@return tidewatch.handle
function handle:min_over(span) end

---The mean of the values read at pane ends within the span.
---@param span string How far back in event time.
---@return tidewatch.handle
function handle:mean_over(span) end

---(value - expected) / |expected|, signed; expected 0 reads `undefined`.
---@param options? { from: any }
---@return tidewatch.handle
function handle:deviation(options) end

---How many standard deviations each new value is from the exponentially weighted mean of those before it, signed. One value a pane end, or a row of a "N rows" window; `insufficient` while it warms up.
---@param options? { decay?: number, warm?: integer }
---@return tidewatch.handle
function handle:ewma(options) end

---(value - median) / (1.4826 * median absolute deviation) of the values in the span before it: a score that a few outliers do not move.
---@param options? { over: string }
---@return tidewatch.handle
function handle:mad(options) end

---The score of `mad` against the values at the same time of earlier periods; from 4 of them on.
---@param options? { period?: string, periods?: integer, zone?: string }
---@return tidewatch.handle
function handle:seasonal(options) end

---The larger of two sums of how far values are above, or below, the reference: small shifts that stay add up.
---@param options? { k?: number, h?: number, against?: any }
---@return tidewatch.handle
function handle:cusum(options) end

---How many rises of the mean were found within `over` (Page and Hinkley's test); use above(0).
---@param options? { over: string, delta?: number, limit?: number, forget?: number, warm?: integer }
---@return tidewatch.handle
function handle:page_hinkley(options) end

---How many changes of the mean were found within `over` (adaptive windowing); use above(0).
---@param options? { over: string, delta?: number }
---@return tidewatch.handle
function handle:adwin(options) end

---How many changes of distribution were found within `over` (a Kolmogorov-Smirnov test of the newest values against the older ones); use above(0).
---@param options? { over: string, alpha?: number, size?: integer, recent?: integer }
---@return tidewatch.handle
function handle:kswin(options) end

---Where a line by least squares through the recent values will be.
---@param options? { over: string, ahead: string }
---@return tidewatch.handle
function handle:forecast(options) end

---Seconds until a line by least squares through the recent values meets the limit; `undefined` when it is flat or leads away from it, so watch the limit itself too.
---@param limit number What the line is to meet.
---@param options? { over: string }
---@return tidewatch.handle
function handle:time_to(limit, options) end

---How far apart its values come, in seconds: the width of a pane. Nil where they come with rows.
---@return any
function handle:step_seconds() end

---Says what must hold, for whom, and how long it may not.
---@param name string
---@return fun(fields: { value?: tidewatch.handle, info?: tidewatch.condition, warning?: tidewatch.condition, critical?: tidewatch.condition, when?: function, inputs?: any, every?: any, on_no_data?: "no_data"|"ok"|"keep"|"alert", no_data_after?: string, layer?: string, team?: string, runbook?: string, labels?: any, annotations?: any, limit?: integer, flapping?: boolean, forget_after?: string, was?: string }): any
function monitor(name) end

---No verdict, with the reason.
---@param text string May hold string.format's %; values follow.
---@return any
function unknown(text) end

---Severity info holds.
---@param text string May hold string.format's %; values follow.
---@return any
function info(text) end

---Severity warning holds.
---@param text string May hold string.format's %; values follow.
---@return any
function warning(text) end

---Severity critical holds.
---@param text string May hold string.format's %; values follow.
---@return any
function critical(text) end

---True while the value is above the limit.
---@param limit number Strict: a value equal to it does not hold.
---@param options? { clear?: number, false_alarms?: string }
---@return tidewatch.condition
function above(limit, options) end

---True while the value is below the limit.
---@param limit number Strict.
---@param options? { clear?: number, false_alarms?: string }
---@return tidewatch.condition
function below(limit, options) end

---True while the value is below `low` or above `high`.
---@param low number Strict.
---@param high number Strict.
---@param options? { clear?: any, false_alarms?: string }
---@return tidewatch.condition
function outside(low, high, options) end

---True while the value equals this.
---@param value any What the value must be.
---@return tidewatch.condition
function equals(value) end

---True when the value differs from the one before.
---@return tidewatch.condition
function changed() end

---True when no record has come for this long.
---@param span string How long without data.
---@return tidewatch.condition
function absent(span) end

---True while the value is more than this share above the reference.
---@param by number A share: 0.2 is 20 %.
---@param options? { from: any, false_alarms?: string }
---@return tidewatch.condition
function rises(by, options) end

---True while the value is more than this share below the reference.
---@param by number A share: 0.1 is 10 %.
---@param options? { from: any, false_alarms?: string }
---@return tidewatch.condition
function drops(by, options) end

---True while one of them is; without a verdict when none is true and one has none.
---@param conditions any At least one.
---@return tidewatch.condition
function any_of(conditions) end

---True while all of them are.
---@param conditions any At least one.
---@return tidewatch.condition
function all_of(conditions) end

---@class tidewatch.condition
local condition = {}

---The severity is reached once the condition has held this long.
---@param span string How long it must hold without a break.
---@return tidewatch.condition
function condition:lasting(span) end

---The severity is reached once the condition was true this often.
---@param count integer Evaluations that must be true.
---@param options? { of?: integer }
---@return tidewatch.condition
function condition:times(count, options) end

---Keeps the alert firing this long after the condition has cleared.
---@param span string How long to go on.
---@return tidewatch.condition
function condition:keep_firing(span) end

---Reference rows: a file, or a pinned span of the stream's history. Without a table it refers to one.
---@param name string
---@return fun(fields: { stream: tidewatch.stream, file?: string, from?: string, to?: string }): any
function baseline(name) end

---The time before a window. A value rises, drops or deviates from the mean or median of its earlier windows there; under half of them ok reads `insufficient`. A drift metric takes it as `against` and compares the window's rows with the rows of that time, in bins that stay for `rebin`.
---@param span any It ends where the window that is judged begins: "28 days", or "252 rows" of windows of rows.
---@param options? { gap?: string, statistic?: "mean"|"median", rebin?: string }
---@return any
function trailing(span, options) end

---The same slot of earlier periods: the median of the windows one, two ... periods before. Under 4 of them ok reads `insufficient`. A drift metric takes it as `against` and compares the window's rows with all rows of these slots, at the same local time where the metric or its stream has a `zone`, in bins of the slot's own.
---@param period string How far apart the windows compared with are.
---@param options? { periods?: integer, rebin?: string }
---@return any
function seasonal(period, options) end

---Sends every transition of the pack from `severity` upward as JSON.
---@param name string
---@return fun(fields: { url: any, severity?: "info"|"warning"|"critical" }): any
function webhook(name) end

---Prints transitions on the engine's own output.
---@param name string
---@return fun(fields: { severity?: "info"|"warning"|"critical" }): any
function console(name) end

---Names a secret; it is never printed, logged or journaled.
---@param name string A file or environment variable, read at use.
---@return any
function secret(name) end

---Follows a growing file.
---@param name string
---@return fun(fields: { stream: tidewatch.stream, path: string, format?: "ndjson"|"csv" }): any
function file_tail(name) end

---Engine time in seconds since 1970-01-01 UTC.
---@return any
function now() end

---Declares a test; it runs on its own virtual clock, core and Lua state.
---@param name string A sentence.
---@param body function Gets the test.
function test(name, body) end

---Begins an expectation.
---@param value any What is looked at.
---@return any
function expect(value) end

---@class tidewatch.test
local test = {}

---Sets the virtual clock.
---@param at string Where the clock begins; 2026-01-05 when not called.
function test:start(at) end

---Feeds records at the virtual clock.
---@param stream string Its name.
---@param row any The time column is filled when absent.
---@param options? { every?: string, lasting?: string }
function test:feed(stream, row, options) end

---Lets time pass without records.
---@param span string How long.
function test:run(span) end

---The alert of a monitor.
---@param monitor string Its name; call the result with labels when grouped.
---@return any
function test:alert(monitor) end

---Notifications that began an alert.
---@param options? { to?: string, monitor?: string, event?: string }
---@return any
function test:pages(options) end

---Everything that was sent.
---@param options? { to?: string, monitor?: string, event?: string }
---@return any
function test:notifications(options) end

---The newest reading a monitor judged.
---@param monitor any Whose newest reading.
---@return any
function test:reading(monitor) end

---Runs the pack's simulator on the virtual clock.
---@param options? { lasting: string, faults?: any, seed?: integer, streams?: any }
function test:simulate(options) end

---@class tidewatch.expectation
local expectation = {}

---The alert was in this state at some time.
---@param state string A severity, firing (any of them), pending, ok, no_data or unknown.
---@param options? { from?: any, to?: any }
function expectation:was(state, options) end

---The alert was never in this state.
---@param state string A severity or state.
function expectation:was_never(state) end

---The alert is in this state now.
---@param state string A severity or state.
function expectation:is(state) end

---The value is exactly this.
---@param value any What it must be.
function expectation:equals(value) end

---The list has this many items.
---@param number integer How many.
function expectation:count(number) end

---The number, or the reading's value, is this close.
---@param value number About what.
---@param tolerance number How far off at most.
function expectation:near(value, tolerance) end

---Declares a simulator; in the pack's simulator.lua. The simulation has at (seconds), time and date (texts), step and weekday (1 = Monday).
---@param name string
---@return fun(fields: { about?: string, step: string, each: function, start?: string, faults?: any }): any
function simulator(name) end

---@class tidewatch.simulation
local simulation = {}

---Sends a record.
---@param stream string Its name.
---@param row any Named columns; a column left out is null.
function simulation:emit(stream, row) end

---Whether a fault is on, and for how many seconds.
---@param name string One of `faults`.
---@return any
function simulation:fault(name) end

---Whether anybody listens to the stream; saves the work when not.
---@param stream string Its name.
---@return any
function simulation:wants(stream) end

---The instant that long before the step.
---@param span string How far back.
---@return any
function simulation:ago(span) end

---A number in [0, 1), [0, high) or [low, high); seeded.
---@return any
function simulation:random() end

---A normal number; mean and standard deviation may be given.
---@return any
function simulation:normal() end

---Whether the step's UTC date is one.
---@param calendar string "weekdays" or "XNYS".
---@return any
function simulation:business_day(calendar) end
