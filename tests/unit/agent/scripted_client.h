// ScriptedClient: a control plane in memory behind the Client interface, for the ControlLoop's
// tests. One thread.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "etcd_client/client.h"

namespace mlguard::test {

class ScriptedClient final : public etcd_client::Client {
 public:
  // What the control plane holds.
  std::map<std::string, base::ConfigVersion, std::less<>> configs;
  base::ResourceHeads heads;
  std::vector<base::PipelineKey> keys;
  etcd_client::milliseconds interval{5'000};
  bool knows_component = false;
  // Returned by every call while set.
  std::optional<base::Error> outage;
  // Returned once by the named call ("register", "put", "heartbeat").
  std::map<std::string, base::Error> fail_once;

  // What an instance that lags behind says is the active configuration.
  std::optional<base::ConfigVersion> lagging;

  // What was asked of it.
  std::vector<std::string> calls;
  std::vector<base::Heartbeat> beats;
  std::vector<base::Applied> applied;

  void put(const std::string& component, std::uint64_t version, const std::string& document) {
    base::ConfigVersion config;
    config.component = component;
    config.version = version;
    config.document = document;
    config.sha256 = "sha-" + std::to_string(version);
    configs[component] = config;
    if (component == base::kGlobalComponent) {
      heads.global_version = version;
    } else {
      heads.config_version = version;
    }
  }

  base::Status register_component(const base::Component& component) override {
    if (auto failed = begin("register " + component.name, "register")) return *failed;
    knows_component = true;
    return {};
  }
  base::Status unregister_component(std::string_view, std::string_view) override { return {}; }

  base::Result<etcd_client::HeartbeatReply> heartbeat(const base::Heartbeat& heartbeat) override {
    if (auto failed = begin("heartbeat", "heartbeat")) return *failed;
    if (!knows_component) {
      return base::Error{base::ErrorCode::not_found, "unknown_component", "register again"};
    }
    beats.push_back(heartbeat);
    return etcd_client::HeartbeatReply{interval, heads};
  }

  base::Result<etcd_client::PutResult> put_config(std::string_view component,
                                                  std::string_view document,
                                                  const etcd_client::PutOptions& options) override {
    const auto failed = begin("put " + std::string(component), "put");
    if (failed) return *failed;
    EXPECT_EQ(options.expected_version, std::uint64_t{0}) << "only when there is none";
    put(std::string(component), 1, std::string(document));
    return etcd_client::PutResult{1, 1};
  }

  base::Result<base::ConfigVersion> get_config(std::string_view component,
                                               std::uint64_t version) override {
    const std::string which = version == 0 ? "" : " " + std::to_string(version);
    if (auto failed = begin("get " + std::string(component) + which, "get")) return *failed;
    if (version == 0 && lagging) return *lagging;
    const auto found = configs.find(component);
    if (found == configs.end()) {
      return base::Error{base::ErrorCode::not_found, "no_config", "there is none"};
    }
    return found->second;
  }

  base::Result<base::PipelineKeySet> pipeline_keys() override {
    if (auto failed = begin("pipeline-keys", "pipeline-keys")) return *failed;
    return base::PipelineKeySet{heads.pipeline_keys_revision, keys};
  }

  base::Status report_applied(const base::Applied& report) override {
    applied.push_back(report);
    return {};
  }

  // Not used by a ControlLoop.
  base::Result<std::vector<base::ConfigVersion>> config_history(std::string_view) override {
    return unused();
  }
  base::Result<etcd_client::PutResult> rollback_config(std::string_view, std::uint64_t,
                                                       std::string_view) override {
    return unused();
  }
  base::Status delete_config(std::string_view) override { return unused(); }
  std::unique_ptr<etcd_client::Subscription> watch_config(
      std::string_view, std::function<void(const base::ConfigVersion&)>) override {
    return nullptr;
  }
  base::Result<std::vector<std::string>> put_rules(const std::vector<base::Rule>&) override {
    return unused();
  }
  base::Status remove_rule(std::string_view) override { return unused(); }
  base::Result<base::RuleSet> rules_since(std::uint64_t, etcd_client::milliseconds) override {
    return unused();
  }
  std::unique_ptr<etcd_client::Subscription> follow_rules(
      std::uint64_t, std::function<void(base::RuleSet)>) override {
    return nullptr;
  }
  base::Status put_detections(const std::vector<base::Detection>&) override { return unused(); }
  base::Result<etcd_client::RawResponse> call(const etcd_client::RawRequest&) override {
    return unused();
  }
  void cancel() override {}
  const std::string& credential_name() const override { return name_; }
  base::Role role() const override { return base::Role::sniffer; }
  std::string endpoint() const override { return "here:1"; }
  std::vector<std::string> endpoints() const override { return {endpoint()}; }

 private:
  static base::Error unused() { return {base::ErrorCode::unsupported, "not in this test"}; }

  std::optional<base::Error> begin(const std::string& what, const std::string& kind) {
    calls.push_back(what);
    if (outage) return outage;
    const auto once = fail_once.find(kind);
    if (once == fail_once.end()) return std::nullopt;
    base::Error error = once->second;
    fail_once.erase(once);
    return error;
  }

  std::string name_ = "sniffer";
};

}  // namespace mlguard::test
