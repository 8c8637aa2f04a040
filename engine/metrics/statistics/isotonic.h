// Scores made into probabilities: the rising step function nearest to what a labelled sample shows, by pooling
// neighbours that fall (pool adjacent violators). Between the steps it is linear, beyond the ends it stays, as in
// scikit-learn's IsotonicRegression. Counts are whole numbers and answers are rounded to 2^-30, so that sums of answers
// are exact and no order of rows can show in them. A logistic curve was left out: it has a shape of its own.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/bytes.h"

namespace tidewatch {

class IsotonicFit {
 public:
  static constexpr std::uint64_t unit = std::uint64_t{1} << 30;  // what probability 1 is

  void add(double score, bool is_positive);
  void fit();  // once all were added; without any, every score answers 0
  std::uint64_t labelled() const { return labelled_; }

  // The probability of the score in units of 2^-30, 0 .. unit. Finite scores only.
  std::uint64_t operator()(double score) const;

  void write(ByteWriter& out) const;
  bool read(ByteReader& in);  // false when damaged

 private:
  struct Counts {
    std::uint64_t n = 0, positives = 0;
  };
  struct Knot {
    double score, probability;
  };
  std::map<double, Counts> seen_;  // until fitted
  std::uint64_t labelled_ = 0;
  std::vector<Knot> knots_;  // both rising; the ends of each step
};

}  // namespace tidewatch
