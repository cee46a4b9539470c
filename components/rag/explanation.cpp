#include "rag/explanation.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "rag/draft.h"

namespace mlguard::rag {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kReasonsSaid = 4;
constexpr std::size_t kFeaturesSaid = 3;

std::string text_at(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (found->is_string()) return one_line(found->get_ref<const std::string&>());
  return found->is_number() ? one_line(found->dump()) : std::string();
}

std::string reasons_text(const Json& detail) {
  const auto reasons = detail.find("reasons");
  if (reasons == detail.end() || !reasons->is_array()) return {};
  std::string text;
  for (std::size_t i = 0; i < reasons->size() && i < kReasonsSaid; ++i) {
    const Json& one = (*reasons)[i];
    if (!one.is_object()) continue;
    const std::string what = text_at(one, "what");
    const std::string value = text_at(one, "value");
    const std::string limit = text_at(one, "limit");
    if (what.empty() || value.empty()) continue;
    text += (text.empty() ? "" : ", ") + what + " " + value;
    if (!limit.empty()) text += " (limit " + limit + ")";
  }
  return text;
}

std::string features_text(const Json& detail) {
  const auto features = detail.find("features");
  if (features == detail.end() || !features->is_array()) return {};
  std::string text;
  for (std::size_t i = 0; i < features->size() && i < kFeaturesSaid; ++i) {
    const Json& one = (*features)[i];
    if (!one.is_object()) continue;
    const std::string name = text_at(one, "name");
    const std::string value = text_at(one, "value");
    if (name.empty()) continue;
    text += (text.empty() ? "" : ", ") + name + (value.empty() ? "" : " " + value);
  }
  return text;
}

}  // namespace

std::string explanation_of(const Record& detection) {
  const Json detail = Json::parse(detection.detail, nullptr, false);
  if (!detail.is_object()) return {};
  const std::string by = text_at(detail, "by");
  std::string text = by.empty() ? "It" : by;
  const std::string reasons = reasons_text(detail);
  if (!reasons.empty()) return text + " saw " + reasons;
  const std::string model_score = text_at(detail, "model_score");
  const std::string features = features_text(detail);
  if (!model_score.empty()) text += " gave the score " + model_score;
  if (!features.empty()) text += (model_score.empty() ? " looked at " : ", because of ") + features;
  return model_score.empty() && features.empty() ? std::string() : text;
}

std::string not_blocked_because(const Record& detection) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kWords = {
      {{"low_score", "the score is below what blocks"},
       {"few_flows", "the model alone says so, of too few flows"},
       {"disabled", "making rules is turned off"},
       {"c2_servers_off", "servers of beacons are only reported, not blocked"},
       {"no_source", "it came from many addresses at once"},
       {"already_blocked", "it was blocked already"},
       {"special_address", "it is no host's address"},
       {"own_address", "it is an address of our own"},
       {"allowlisted", "it is on the allowlist"},
       {"home", "it is one of this site's addresses"},
       {"known_server", "it is a known server, and the packets could be forged"},
       {"rate", "too many new rules were made in that minute"},
       {"prefix_rate", "too many rules were made for its network in that hour"}}};
  const Json detail = Json::parse(detection.detail, nullptr, false);
  if (!detail.is_object()) return {};
  const std::string why = text_at(detail, "not_blocked");
  if (why.empty()) return {};
  for (const auto& [is, said] : kWords) {
    if (why == is) return std::string(said) + " (" + why + ")";
  }
  return why;
}

}  // namespace mlguard::rag
