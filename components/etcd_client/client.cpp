#include "etcd_client/client.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <random>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "base/time_format.h"
#include "caller.h"
#include "poll_loop.h"
#include "raw_call.h"
#include "replies.h"
#include "rule_pages.h"
#include "watches.h"
#include "wire/api_error.h"
#include "wire/credentials.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

namespace {

constexpr std::size_t kRuleIdCharsMax = 64;

Call write_call(std::string method, std::string target, std::string body) {
  Call call;
  call.kind = CallKind::write;
  call.method = std::move(method);
  call.target = std::move(target);
  call.message.body = std::move(body);
  return call;
}

base::Status check_rule_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  const bool good =
      !id.empty() && id.size() <= kRuleIdCharsMax && std::all_of(id.begin(), id.end(), allowed);
  if (good) return {};
  return base::Error{base::ErrorCode::invalid_argument, "invalid_id",
                     "a rule's id is 1 to 64 of a-z A-Z 0-9 _ . -; see 'ml-guard rules list'"};
}

base::Status as_status(base::Result<wire::Message> message) {
  if (!message.ok()) return std::move(message).error();
  return {};
}

// Keeps the loop and what it drives alive; ends with the Subscription or with the Client,
// whichever comes first.
class LoopSubscription final : public Subscription {
 public:
  explicit LoopSubscription(std::shared_ptr<PollLoop> loop) : loop_(std::move(loop)) {}
  ~LoopSubscription() override { loop_->stop(); }

 private:
  std::shared_ptr<PollLoop> loop_;  // Shared with the Client, which may have to stop it first.
};

class ClientImpl final : public Client {
 public:
  ClientImpl(CallerOptions options, Introduction introduction, wire::Credential credential,
             std::uint64_t seed)
      : name_(std::move(credential.name)),
        role_(credential.role),
        is_local_(options.reads == Consistency::local),
        caller_(std::move(options), std::move(introduction), clock_, seed) {}

  ~ClientImpl() override {
    std::vector<std::weak_ptr<PollLoop>> loops;
    {
      const std::lock_guard lock(mutex_);
      loops.swap(loops_);
    }
    for (const auto& weak : loops) {
      if (const auto loop = weak.lock()) loop->stop();
    }
  }

  base::Status register_component(const base::Component& component) override {
    return as_status(
        expect_ok(caller_.call(write_call("POST", "/register", wire::encode_register(component)))));
  }

  base::Status unregister_component(std::string_view name, std::string_view instance_id) override {
    return as_status(expect_ok(caller_.call(
        write_call("POST", "/unregister", wire::encode_unregister(name, instance_id)))));
  }

  base::Result<HeartbeatReply> heartbeat(const base::Heartbeat& heartbeat) override {
    Call call = write_call("POST", "/heartbeat", wire::encode_heartbeat(heartbeat));
    call.kind = CallKind::beat;
    const auto message = expect_ok(caller_.call(std::move(call)));
    if (!message.ok()) return message.error();
    const auto reply = wire::decode_heartbeat_reply(message->body);
    if (!reply.ok()) return reply.error();
    return HeartbeatReply{milliseconds(reply->interval_ms), reply->heads};
  }

  base::Result<PutResult> put_config(std::string_view component, std::string_view document,
                                     const PutOptions& options) override {
    const auto checked = base::check_component_name(component);
    if (!checked.ok()) return checked.error();
    if (document.size() > base::kConfigBytesMax) {
      return base::Error{base::ErrorCode::too_large, "document_too_large",
                         "a configuration has at most " + std::to_string(base::kConfigBytesMax) +
                             " bytes, this one has " + std::to_string(document.size())};
    }
    if (document.empty()) {
      return base::Error{base::ErrorCode::invalid_argument, "invalid_json",
                         "the configuration is empty; the smallest one is {}"};
    }
    Call call = write_call("PUT", config_target(component), std::string(document));
    auto& fields = call.message.fields;
    if (!options.comment.empty()) {
      fields.push_back({std::string(wire::kFieldComment), options.comment});
    }
    if (options.expected_version) {
      fields.push_back(
          {std::string(wire::kFieldIfMatch), std::to_string(*options.expected_version)});
    }
    if (options.progress) call.progress = &options.progress;
    return put_result(caller_.call(std::move(call)));
  }

  base::Result<base::ConfigVersion> get_config(std::string_view component,
                                               std::uint64_t version) override {
    const auto checked = base::check_component_name(component);
    if (!checked.ok()) return checked.error();
    const std::string name(component);
    auto fetched = fetch_config(caller_, name, version, std::nullopt, nullptr);
    if (is_local_ && !fetched.ok() && fetched.error().code == base::ErrorCode::not_found) {
      // Nothing there, or not there yet? Where the leader cannot tell, the first answer stands.
      auto confirmed = fetch_config(caller_, name, version, Consistency::linearizable, nullptr);
      if (confirmed.ok() || !is_passing(confirmed.error())) fetched = std::move(confirmed);
    }
    if (!fetched.ok()) return std::move(fetched).error();
    return std::move(fetched->config);
  }

  base::Result<std::vector<base::ConfigVersion>> config_history(
      std::string_view component) override {
    const auto checked = base::check_component_name(component);
    if (!checked.ok()) return checked.error();
    Call call;
    call.target = config_target(component) + "/versions";
    const auto message = expect_ok(caller_.call(std::move(call)));
    if (!message.ok()) return message.error();
    auto versions = wire::decode_config_list("versions", message->body);
    if (!versions.ok()) return versions;
    for (auto& version : *versions) version.component = component;
    return versions;
  }

  base::Result<PutResult> rollback_config(std::string_view component, std::uint64_t version,
                                          std::string_view comment) override {
    const auto checked = base::check_component_name(component);
    if (!checked.ok()) return checked.error();
    return put_result(
        caller_.call(write_call("POST", config_target(component) + "/rollback",
                                wire::encode(wire::Rollback{version, std::string(comment)}))));
  }

  base::Status delete_config(std::string_view component) override {
    const auto checked = base::check_component_name(component);
    if (!checked.ok()) return checked.error();
    return as_status(expect_ok(caller_.call(write_call("DELETE", config_target(component), ""))));
  }

  std::unique_ptr<Subscription> watch_config(
      std::string_view component,
      std::function<void(const base::ConfigVersion&)> changed) override {
    std::string name(component);
    // Shared with the std::function that the loop keeps, which must be copyable.
    auto watch = std::make_shared<ConfigWatch>(caller_, name, std::move(changed));
    return subscribe("config/" + name, [watch = std::move(watch)](Canceller& canceller) {
      return watch->poll(canceller);
    });
  }

  base::Result<std::vector<std::string>> put_rules(const std::vector<base::Rule>& rules) override {
    auto reply = expect_write_reply(
        caller_.call(write_call("POST", "/v1/rules", wire::encode_rules(rules))));
    if (!reply.ok()) return std::move(reply).error();
    return std::move(reply->ids);
  }

  base::Status remove_rule(std::string_view id) override {
    const auto checked = check_rule_id(id);
    if (!checked.ok()) return checked;
    return as_status(
        expect_ok(caller_.call(write_call("DELETE", "/v1/rules/" + std::string(id), ""))));
  }

  base::Result<base::RuleSet> rules_since(std::uint64_t after, milliseconds wait) override {
    auto set = fetch_rules(caller_, {after, wait, std::nullopt}, nullptr);
    if (!set.ok() || set->revision >= after) return set;
    // Does this instance lag behind, or was the state restored? Only the leader can tell.
    caller_.leave_nearby();
    return fetch_rules(caller_, {after, milliseconds(0), Consistency::linearizable}, nullptr);
  }

  std::unique_ptr<Subscription> follow_rules(std::uint64_t after,
                                             std::function<void(base::RuleSet)> changed) override {
    // Shared with the std::function that the loop keeps, which must be copyable.
    auto watch = std::make_shared<RulesWatch>(caller_, after, std::move(changed));
    return subscribe("rules", [watch = std::move(watch)](Canceller& canceller) {
      return watch->poll(canceller);
    });
  }

  base::Result<base::PipelineKeySet> pipeline_keys() override {
    Call call;
    call.target = "/v1/pipeline-keys";
    call.consistency = Consistency::linearizable;
    const auto message = expect_ok(caller_.call(std::move(call)));
    if (!message.ok()) return message.error();
    return wire::decode_pipeline_keys(message->body);
  }

  base::Status put_detections(const std::vector<base::Detection>& detections) override {
    return as_status(expect_ok(
        caller_.call(write_call("POST", "/v1/detections", wire::encode_detections(detections)))));
  }

  base::Status report_applied(const base::Applied& applied) override {
    return as_status(
        expect_ok(caller_.call(write_call("POST", "/v1/applied", wire::encode(applied)))));
  }

  base::Result<RawResponse> call(const RawRequest& request) override {
    return raw_call(caller_, request);
  }

  void cancel() override { caller_.cancel(); }

  const std::string& credential_name() const override { return name_; }
  base::Role role() const override { return role_; }
  std::string endpoint() const override { return caller_.endpoint().text(); }
  std::vector<std::string> endpoints() const override { return caller_.endpoints(); }

 private:
  static std::string config_target(std::string_view component) {
    return "/v1/config/" + std::string(component);
  }

  static base::Result<PutResult> put_result(base::Result<Reply> answer) {
    const auto reply = expect_write_reply(std::move(answer));
    if (!reply.ok()) return reply.error();
    return PutResult{reply->version, reply->revision};
  }

  std::unique_ptr<Subscription> subscribe(const std::string& what, PollLoop::Poll poll) {
    auto loop = std::make_shared<PollLoop>(what, std::move(poll));
    const std::lock_guard lock(mutex_);
    std::erase_if(loops_, [](const auto& weak) { return weak.expired(); });
    loops_.push_back(loop);
    return std::make_unique<LoopSubscription>(std::move(loop));
  }

  const std::string name_;
  const base::Role role_;
  const bool is_local_;  // What any instance says is asked for.
  base::SystemClock clock_;
  Caller caller_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<PollLoop>> loops_;  // Guarded by mutex_.
};

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

base::Result<std::unique_ptr<Client>> Client::open(const ClientOptions& options) {
  auto caller = caller_options(options);
  if (!caller.ok()) return std::move(caller).error();
  auto credential = wire::load_credential(options.credential_path);
  if (!credential.ok()) return std::move(credential).error();
  Introduction introduction{
      {credential->cluster_public_key, wire::KeyPair::from_secret(credential->private_key), {}},
      wire::encode(wire::HandshakeHello{"", options.client_name, credential->name})};
  return std::unique_ptr<Client>(std::make_unique<ClientImpl>(
      std::move(*caller), std::move(introduction), std::move(*credential), random_seed()));
}

}  // namespace mlguard::etcd_client
