#include "rag/api_state.h"

#include <algorithm>

#include "rag/state_json.h"
#include "wire/messages.h"

namespace mlguard::rag {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr std::size_t kRulePagesMax = 200;
constexpr std::size_t kErrorBytesShownMax = 300;

std::string page_of(std::uint64_t after) {
  return "limit=" + std::to_string(kStatePageRows) + "&after=" + std::to_string(after);
}

class ApiState final : public StateSource {
 public:
  explicit ApiState(etcd_client::Client& client) : client_(client) {}

  Result<StateHead> head() override {
    const auto body = get("/status");
    if (!body.ok()) return body.error();
    return decode_head(*body);
  }

  Result<std::vector<base::Change>> changes(std::uint64_t after) override {
    const auto body = get("/v1/changes?" + page_of(after));
    if (!body.ok()) return body.error();
    auto list = wire::decode_changes(*body);
    if (!list.ok()) return list.error();
    return std::move(list->changes);
  }

  Result<std::vector<base::ConfigVersion>> configs() override {
    const auto body = get("/v1/config");
    if (!body.ok()) return body.error();
    return wire::decode_config_list("configs", *body);
  }

  Result<std::vector<base::ConfigVersion>> config_history(const std::string& component,
                                                          std::uint64_t below) override {
    const auto body = get("/v1/config/" + component + "/versions?" + page_of(below));
    if (!body.ok()) return body.error();
    return wire::decode_config_list("versions", *body);
  }

  Result<std::string> config_document(const std::string& component,
                                      std::uint64_t version) override {
    return get("/v1/config/" + component + "/versions/" + std::to_string(version));
  }

  Result<base::RuleSet> rules_since(std::uint64_t after) override {
    const std::string stream = "/v1/rules/stream?after=";
    auto whole = rule_page(stream + std::to_string(after));
    if (!whole.ok()) return whole;
    for (std::size_t page = 0; !whole->next_id.empty(); ++page) {
      if (page == kRulePagesMax) {
        return Error{ErrorCode::too_large, "too_many_rules", "there are more rules than rag reads"};
      }
      auto more = rule_page(stream + "0&after_id=" + whole->next_id);
      if (!more.ok()) return more;
      whole->rules.insert(whole->rules.end(), more->rules.begin(), more->rules.end());
      whole->next_id = more->next_id;
    }
    return whole;
  }

  Result<std::vector<StoredDetection>> detections(std::uint64_t after) override {
    // After 0 the server begins with the newest; nothing is ever detected at revision 1.
    const auto body = get("/v1/detections?" + page_of(std::max<std::uint64_t>(after, 1)));
    if (!body.ok()) return body.error();
    return decode_detections(*body);
  }

  Result<std::vector<base::AuditRecord>> audit(std::uint64_t below) override {
    const auto body = get("/v1/audit?" + page_of(below));
    if (!body.ok()) return body.error();
    return decode_audit(*body);
  }

  Result<std::vector<ComponentState>> components() override {
    const auto body = get("/components");
    if (!body.ok()) return body.error();
    const auto names = decode_component_names(*body);
    if (!names.ok()) return names.error();
    std::vector<ComponentState> states;
    for (const std::string& name : *names) {
      const auto one = get("/components/" + name);
      // Removed since the list was made.
      if (!one.ok() && one.error().code == ErrorCode::not_found) continue;
      if (!one.ok()) return one.error();
      auto state = decode_component(*one);
      if (!state.ok()) return state.error();
      states.push_back(std::move(*state));
    }
    return states;
  }

 private:
  Result<base::RuleSet> rule_page(const std::string& target) {
    const auto body = get(target);
    if (!body.ok()) return body.error();
    return wire::decode_rule_set(*body);
  }

  Result<std::string> get(const std::string& target) {
    etcd_client::RawRequest request;
    // The agent's own client reads what the next instance has, which may lag behind.
    request.target =
        target + (target.find('?') == std::string::npos ? "?" : "&") + "consistency=linearizable";
    auto response = client_.call(request);
    if (!response.ok()) return response.error();
    if (response->status == kOk) return std::move(response->body);
    const bool compacted = response->body.find("\"compacted\"") != std::string::npos;
    return Error{response->status == kNotFound ? ErrorCode::not_found : ErrorCode::unavailable,
                 compacted ? "compacted" : "refused",
                 target + ": " + std::to_string(response->status) + " " +
                     response->body.substr(0, kErrorBytesShownMax)};
  }

  etcd_client::Client& client_;
};

}  // namespace

std::unique_ptr<StateSource> make_api_state(etcd_client::Client& client) {
  return std::make_unique<ApiState>(client);
}

}  // namespace mlguard::rag
