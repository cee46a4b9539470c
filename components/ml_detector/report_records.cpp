#include "ml_detector/report_records.h"

#include <array>
#include <cstdio>
#include <string_view>

#include "base/sha256.h"
#include "flow/flow_text.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::size_t kIdHashChars = 20;
constexpr std::string_view kIdBegin = "auto-";

std::string text_of(const flow::Address& address) {
  return flow::address_text(address.bytes.data());
}

std::string number_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

// "portscan by port_scan: ports 80 (limit 20), half_open 1 (limit 0.6)"
std::string reason_text(const Verdict& verdict) {
  std::string text = verdict.kind + " by " + verdict.by;
  for (std::size_t i = 0; i < verdict.reason_count; ++i) {
    const Reason& reason = verdict.reasons[i];
    text += std::string(i == 0 ? ": " : ", ") + reason.what + " " + number_text(reason.value) +
            " (limit " + number_text(reason.limit) + ")";
  }
  if (verdict.suspect == Suspect::destination) text += ", from " + text_of(verdict.source);
  if (verdict.evidence == Evidence::forgeable) text += "; may be forged, so for a short time";
  return text;
}

}  // namespace

std::string rule_id_of(const std::string& detector, const flow::Address& source) {
  base::Sha256 hash;
  hash.update(detector + "|" + text_of(source));
  return std::string(kIdBegin) + hash.finish().substr(0, kIdHashChars);
}

bool is_rule_id(const std::string& id) {
  return id.size() == kIdBegin.size() + kIdHashChars && id.rfind(kIdBegin, 0) == 0;
}

base::Detection detection_of(const ToldReport& told, const std::string& detector,
                             const std::string& id, std::int64_t now_ms) {
  const Verdict& verdict = told.report.verdict;
  base::Detection detection;
  detection.id = id;
  detection.component = detector;
  detection.kind = verdict.kind;
  if (verdict.has_source) detection.source_ip = text_of(verdict.source);
  detection.destination_ip = text_of(verdict.destination);
  detection.destination_port = verdict.destination_port;
  detection.score = verdict.score;
  detection.detail = told.detail;
  if (told.report.block) detection.rule_id = rule_id_of(detector, verdict.suspected());
  detection.detected_at_ms = now_ms;
  return detection;
}

base::Rule rule_of(const ToldReport& told, const std::string& detector) {
  const Verdict& verdict = told.report.verdict;
  base::Rule rule;
  rule.id = rule_id_of(detector, verdict.suspected());
  rule.cidr = text_of(verdict.suspected()) + (is_ipv4(verdict.suspected()) ? "/32" : "/128");
  rule.reason = reason_text(verdict);
  rule.score = verdict.score;
  rule.expires_at_ms = told.report.block->blocked_until_ms;
  return rule;
}

}  // namespace mlguard::ml_detector
