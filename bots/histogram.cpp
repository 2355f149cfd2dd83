#include "histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace orrery::bots {

void Histogram::add(Duration value) {
  constexpr std::int64_t most = (std::int64_t{1} << bits_max) - 1;
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(value).count();
  const auto us = static_cast<std::uint64_t>(std::clamp<std::int64_t>(whole, 0, most));
  const int shift = std::max(static_cast<int>(std::bit_width(us)) - bits_kept, 0);
  ++counts_[(static_cast<std::size_t>(shift) << (bits_kept - 1)) + static_cast<std::size_t>(us >> shift)];
  ++count_;
  max_us_ = std::max(max_us_, us);
}

double Histogram::quantile_ms(double part) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(std::clamp(part, 0.0, 1.0) * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    seen += counts_[bucket];
    if (seen == 0 || seen < rank) continue;
    const std::size_t shift = std::max<std::size_t>(bucket >> (bits_kept - 1), 1) - 1;
    const std::uint64_t kept = bucket - (shift << (bits_kept - 1));
    const std::uint64_t above = (kept + 1) << shift;  // the least of the next bucket
    return static_cast<double>(std::min(above - 1, max_us_)) / 1000;
  }
  return max_ms();
}

double Histogram::max_ms() const { return static_cast<double>(max_us_) / 1000; }

}  // namespace orrery::bots
