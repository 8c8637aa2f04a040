// P-values of the two-sample Kolmogorov-Smirnov statistic: exact by counting lattice paths while n * m is small, else
// the limit with Stephens' correction (JRSS B 32, 1970).
#pragma once

#include <cstdint>

namespace tidewatch {

// P(D >= gap / (n m)) of two samples of n and m values without ties. O(n m); gap is the largest |i m - j n| seen.
double ks_exact_tail(std::uint64_t n, std::uint64_t m, std::uint64_t gap);
// P(K > x) of the Kolmogorov distribution.
double kolmogorov_tail(double x);
// The exact tail while n m <= 40,000, else Kolmogorov at (√e + 0.12 + 0.11/√e) D, e = nm/(n + m): up to 21 % low where
// n = m, within 3 % for n much less than m.
double ks_tail(std::uint64_t n, std::uint64_t m, double distance);

}  // namespace tidewatch
