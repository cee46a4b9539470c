#include "ml_detector/pending_reports.h"

#include "base/ids.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::size_t kDetectionIdBytes = 16;

}  // namespace

void PendingReports::add(const std::vector<ToldReport>& told, const std::string& detector,
                         std::int64_t now_ms) {
  for (const ToldReport& each : told) {
    detections.push_back(detection_of(each, detector, base::random_hex(kDetectionIdBytes), now_ms));
    if (!each.report.block) continue;
    rules.push_back(rule_of(each, detector));
    offenders.push_back(*each.report.block);
  }
}

void PendingReports::clear() {
  rules.clear();
  detections.clear();
  offenders.clear();
}

std::size_t PendingReports::trim() {
  std::size_t lost = 0;
  if (detections.size() > kPendingMax) {
    lost = detections.size() - kPendingMax;
    detections.erase(detections.begin(), detections.begin() + static_cast<std::ptrdiff_t>(lost));
  }
  if (rules.size() > kPendingMax) {
    lost += rules.size() - kPendingMax;
    rules.resize(kPendingMax);
    offenders.resize(kPendingMax);
  }
  return lost;
}

}  // namespace mlguard::ml_detector
