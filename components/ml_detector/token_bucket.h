// TokenBucket: at most `per_minute` things in a minute, and as many at once after a quiet minute.
// The caller says what time it is. One thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mlguard::ml_detector {

class TokenBucket {
 public:
  TokenBucket(double per_minute, std::int64_t now_ms)
      : per_minute_(per_minute), tokens_(per_minute), at_ms_(now_ms) {}

  // What was used stays used.
  void set_rate(double per_minute, std::int64_t now_ms) {
    fill(now_ms);
    tokens_ = std::clamp(tokens_ + per_minute - per_minute_, 0.0, per_minute);
    per_minute_ = per_minute;
  }
  bool has(std::int64_t now_ms) {
    fill(now_ms);
    return tokens_ >= 1;
  }
  bool take(std::int64_t now_ms) {
    if (!has(now_ms)) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  void fill(std::int64_t now_ms) {
    constexpr double kMsPerMinute = 60'000;
    const double passed = static_cast<double>(std::max<std::int64_t>(0, now_ms - at_ms_));
    tokens_ = std::min(per_minute_, tokens_ + passed * per_minute_ / kMsPerMinute);
    at_ms_ = std::max(at_ms_, now_ms);
  }

  double per_minute_;
  double tokens_;
  std::int64_t at_ms_;
};

}  // namespace mlguard::ml_detector
