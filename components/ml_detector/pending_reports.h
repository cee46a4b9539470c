// PendingReports: what the policy has decided and the disk has not taken yet. Passive but for what
// bounds it: kPendingMax of each kind. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/model.h"
#include "ml_detector/report_records.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kPendingMax = 10'000;

struct PendingReports {
  std::vector<base::Rule> rules;
  std::vector<base::Detection> detections;
  std::vector<Offender> offenders;  // one for each rule

  void add(const std::vector<ToldReport>& told, const std::string& detector, std::int64_t now_ms);
  bool empty() const { return rules.empty() && detections.empty(); }
  void clear();
  // The oldest detections go, and of rules the newest: what is decided first is kept. Returns how
  // many are lost.
  std::size_t trim();
};

}  // namespace mlguard::ml_detector
