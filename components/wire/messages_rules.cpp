// Rules and the detections that they follow from.
#include <arpa/inet.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/time_format.h"
#include "wire/channel.h"
#include "wire/json_reader.h"
#include "wire/messages.h"
#include "wire/rule_set_text.h"

namespace mlguard::wire {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kRuleTtlSecondsMax = 10LL * 365 * 24 * 3600;
constexpr std::size_t kAddressCharsMax = 45;
constexpr std::size_t kRuleSetRulesMax = 1'000'000;
constexpr std::size_t kRulesJsonBytesMax = 4 * 1024 * 1024;
constexpr std::size_t kDetectionsJsonBytesMax = 8 * 1024 * 1024;
constexpr std::int64_t kPortMax = 65'535;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void put_text(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}

void put_time(Json& json, const char* name, std::int64_t time_ms) {
  if (time_ms != 0) json[name] = base::iso_time(time_ms);
}

bool is_id(std::string_view id) {
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
}

void read_id(ObjectReader& item, const char* name, std::string& out, Presence presence) {
  item.text(name, out, {presence == Presence::required ? 1u : 0u, kNameCharsMax}, presence);
  if (!is_id(out)) item.fail(name, "may hold letters, digits, '_', '.' and '-' only");
}

void read_address(ObjectReader& item, const char* name, std::string& out) {
  item.text(name, out, {0, kAddressCharsMax}, Presence::optional);
  in6_addr parsed{};
  if (!out.empty() && inet_pton(AF_INET, out.c_str(), &parsed) != 1 &&
      inet_pton(AF_INET6, out.c_str(), &parsed) != 1) {
    item.fail(name, "must be an IPv4 or IPv6 address");
  }
}

Json rule_json(const base::Rule& rule) {
  Json json = Json::object();
  put_text(json, "id", rule.id);
  json["cidr"] = rule.cidr;
  json["action"] = rule.action;
  put_text(json, "reason", rule.reason);
  json["score"] = rule.score;
  put_text(json, "source", rule.source);
  put_time(json, "created_at", rule.created_at_ms);
  put_time(json, "expires_at", rule.expires_at_ms);
  if (rule.revision != 0) json["revision"] = rule.revision;
  return json;
}

base::Rule read_rule(ObjectReader& item, std::int64_t now_ms) {
  base::Rule rule;
  rule.score = 1;  // Who says nothing else is certain; detectors always say how sure they are.
  std::int64_t ttl_s = 0;
  read_id(item, "id", rule.id, Presence::optional);
  item.text("cidr", rule.cidr, {1, kCidrCharsMax}, Presence::required);
  item.text("action", rule.action, {1, kNameCharsMax}, Presence::optional);
  item.text("reason", rule.reason, {0, base::kCommentCharsMax}, Presence::optional);
  item.number("score", rule.score, 0, 1, Presence::optional);
  item.text("source", rule.source, {}, Presence::optional);
  item.time("created_at", rule.created_at_ms, Presence::optional);
  item.time("expires_at", rule.expires_at_ms, Presence::optional);
  item.whole("ttl_s", ttl_s, 1, kRuleTtlSecondsMax, Presence::optional);
  item.whole("revision", rule.revision, Presence::optional);
  if (rule.action != "drop" && rule.action != "allow") item.fail("action", "must be drop or allow");
  if (ttl_s != 0 && rule.expires_at_ms != 0) {
    item.fail("ttl_s", "and 'expires_at' exclude each other: give one of them");
  }
  if (ttl_s != 0) rule.expires_at_ms = now_ms + ttl_s * kSecondMs;
  return rule;
}

Json detection_json(const base::Detection& detection) {
  Json json = {{"id", detection.id}, {"kind", detection.kind}};
  put_text(json, "component", detection.component);
  put_text(json, "source_ip", detection.source_ip);
  put_text(json, "destination_ip", detection.destination_ip);
  if (detection.destination_port != 0) json["destination_port"] = detection.destination_port;
  json["score"] = detection.score;
  if (!detection.detail.empty()) {
    // An object where the program gave one; other text is refused by the other side, by name.
    Json detail = Json::parse(detection.detail, nullptr, false);
    json["detail"] = detail.is_object() ? std::move(detail) : Json(detection.detail);
  }
  put_text(json, "rule_id", detection.rule_id);
  put_time(json, "detected_at", detection.detected_at_ms);
  return json;
}

base::Detection read_detection(ObjectReader& item) {
  base::Detection detection;
  std::int64_t port = 0;
  read_id(item, "id", detection.id, Presence::required);
  item.component_name("component", detection.component, Presence::optional);
  item.text("kind", detection.kind, {1, kNameCharsMax}, Presence::required);
  read_address(item, "source_ip", detection.source_ip);
  read_address(item, "destination_ip", detection.destination_ip);
  item.whole("destination_port", port, 0, kPortMax, Presence::optional);
  item.number("score", detection.score, 0, 1, Presence::optional);
  item.json_object("detail", detection.detail, base::kDetailBytesMax, Presence::optional);
  read_id(item, "rule_id", detection.rule_id, Presence::optional);
  item.time("detected_at", detection.detected_at_ms, Presence::optional);
  detection.destination_port = static_cast<std::uint16_t>(port);
  return detection;
}

}  // namespace

// ---- Rules ---------------------------------------------------------------------------------

std::string encode_rules(const std::vector<base::Rule>& rules) {
  Json json = {{"rules", Json::array()}};
  for (const base::Rule& rule : rules) json["rules"].push_back(rule_json(rule));
  return dump(json);
}

base::Result<std::vector<base::Rule>> decode_rules(std::string_view text, std::int64_t now_ms) {
  JsonDocument document(text, kRulesJsonBytesMax);
  ObjectReader root = document.root();
  std::vector<base::Rule> rules;
  if (root.has("cidr") && !root.has("rules")) {
    rules.push_back(read_rule(root, now_ms));
  } else {
    root.objects("rules", base::kRulesPerWriteMax, Presence::required,
                 [&](ObjectReader& item) { rules.push_back(read_rule(item, now_ms)); });
  }
  if (!document.status().ok()) return document.status().error();
  return rules;
}

std::string encode(const base::RuleSet& set) { return write_rule_set(set); }

base::Result<base::RuleSet> decode_rule_set(std::string_view text) {
  if (text.size() <= kPlainBodyBytesMax) {
    std::optional<base::RuleSet> plain = read_plain_rule_set(text);
    if (plain) return std::move(*plain);
  }
  JsonDocument document(text, kPlainBodyBytesMax, kLargeJsonValuesMax);
  ObjectReader root = document.root();
  base::RuleSet set;
  std::string mode;
  root.whole("revision", set.revision, Presence::required);
  root.text("mode", mode, {1, kNameCharsMax}, Presence::required);
  if (mode != "full" && mode != "delta") root.fail("mode", "must be full or delta");
  set.full = mode == "full";
  root.objects("rules", kRuleSetRulesMax, Presence::required,
               [&set](ObjectReader& item) { set.rules.push_back(read_rule(item, 0)); });
  root.texts("removed", set.removed, {1, kNameCharsMax}, kRuleSetRulesMax, Presence::optional);
  if (set.full && !set.removed.empty()) root.fail("removed", "must be empty in a full answer");
  root.text("digest", set.digest, {0, kDigestCharsMax}, Presence::required);
  read_id(root, "next_id", set.next_id, Presence::optional);
  if (!set.full && !set.next_id.empty()) root.fail("next_id", "must be absent in a delta");
  if (!document.status().ok()) return document.status().error();
  return set;
}

// ---- Detections ----------------------------------------------------------------------------

std::string encode_detections(const std::vector<base::Detection>& detections) {
  return encode_detections(detections, {});
}

std::string encode_detections(const std::vector<base::Detection>& detections,
                              const std::vector<std::uint64_t>& revisions) {
  Json json = {{"detections", Json::array()}};
  for (std::size_t i = 0; i < detections.size(); ++i) {
    Json item = detection_json(detections[i]);
    if (i < revisions.size()) item["revision"] = revisions[i];
    json["detections"].push_back(std::move(item));
  }
  return dump(json);
}

base::Result<std::vector<base::Detection>> decode_detections(std::string_view text) {
  JsonDocument document(text, kDetectionsJsonBytesMax);
  ObjectReader root = document.root();
  std::vector<base::Detection> detections;
  root.objects("detections", base::kDetectionsPerWriteMax, Presence::required,
               [&](ObjectReader& item) { detections.push_back(read_detection(item)); });
  if (!document.status().ok()) return document.status().error();
  return detections;
}

}  // namespace mlguard::wire
