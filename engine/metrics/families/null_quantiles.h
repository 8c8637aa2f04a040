// Where the tails of the distributions end that chance has when nothing has changed: for a probability, the value that
// is exceeded with it. Each inverts a tail by steps on its logarithm, which is concave, so that Newton's method comes
// from one side and tails of 1e-200 are as exact as those of 0.1. Tables and rational fits were left out: they are
// exact to eight digits and only where they were fitted.
#pragma once

#include <cstdint>

namespace tidewatch {

// z with P(Z > z) = probability, for a standard normal Z. probability: 1e-300 to 1 - 1e-16; outside it is taken as the
// nearer end.
double normal_exceeded(double probability);
// x with P(X > x) = probability, for a chi-square of `degrees` (0 = always 0).
double chi_square_exceeded(double probability, unsigned degrees);
// x with P(K > x) = probability, for the Kolmogorov distribution.
double kolmogorov_exceeded(double probability);
// The least k with P(X > k) <= probability, for X ~ Binomial(n, share). Source of the tail: Loader's saddle point form
// of the probabilities (2000), which keeps its digits for any n.
std::uint64_t binomial_exceeded(double probability, std::uint64_t n, double share);
// P(X > k) for the same X.
double binomial_tail(std::uint64_t k, std::uint64_t n, double share);
// The least distance d with P(D > d) <= probability, for samples of n and m values.
double ks_exceeded(double probability, std::uint64_t n, std::uint64_t m);

}  // namespace tidewatch
