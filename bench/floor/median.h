// Medians, and how well they are known.
#ifndef ONCE_BENCH_FLOOR_MEDIAN_H_
#define ONCE_BENCH_FLOOR_MEDIAN_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace once::bench {

inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

struct KnownMedian {
  double median = 0;
  // The median of all such runs that there might be lies here in 95 cases of 100, however they are distributed. With
  // fewer than 6 values nothing can be said so surely: then these are the smallest and the largest.
  double low = 0;
  double high = 0;
};

// By the values' order: each of them is above the true median as often as below, so that how many are is binomial.
inline KnownMedian MedianWithBounds(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t count = values.size();
  size_t outside = 0;  // So many may be left out at either end.
  double chance = std::pow(0.5, static_cast<double>(count));
  double sum = chance;
  while (sum <= 0.025 && 2 * (outside + 1) < count) {
    ++outside;
    chance *= static_cast<double>(count - outside + 1) / static_cast<double>(outside);
    sum += chance;
  }
  if (outside > 0) --outside;
  return {.median = Median(values), .low = values[outside], .high = values[count - 1 - outside]};
}

}  // namespace once::bench

#endif  // ONCE_BENCH_FLOOR_MEDIAN_H_
