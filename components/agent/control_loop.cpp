#include "agent/control_loop.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/config_schema.h"
#include "base/ids.h"
#include "base/logging.h"

namespace mlguard::agent {

namespace {

using base::ErrorCode;
using Json = nlohmann::json;

constexpr milliseconds kPauseAfterFailure{1'000};
constexpr milliseconds kPauseBeforeRegistering{100};
// Beats come up to a tenth early, so that a fleet that was started together spreads out.
constexpr std::int64_t kJitterShare = 10;
constexpr std::int64_t kSecondMs = 1'000;
constexpr milliseconds kPulseGrain{10};
// Until the first answer says what the control plane wants to hear.
constexpr milliseconds kPulseAtFirst{1'000};

// Waiting may help: the control plane is away, busy, or just being changed.
bool is_passing(const base::Error& error) {
  switch (error.code) {
    case ErrorCode::unavailable:
    case ErrorCode::timeout:
    case ErrorCode::resource_exhausted:
    case ErrorCode::internal:
    case ErrorCode::io: return true;
    default: return false;
  }
}

}  // namespace

ControlLoop::ControlLoop(ControlOptions options, AgentCallbacks callbacks,
                         etcd_client::Client& client, const base::Clock& clock)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      client_(client),
      clock_(clock),
      random_(std::random_device{}()) {}

ControlLoop::Step ControlLoop::step() {
  if (!registered_) {
    const auto status = register_once();
    if (!status.ok()) return failed(status.error());
  }
  base::Status status;
  if (!knows_config_) status = ensure_config();
  if (status.ok()) status = beat();
  if (!status.ok() && status.error().reason == "unknown_component") {
    base::log_info("the control plane does not know this component: registering again");
    registered_ = false;
    return {kPauseBeforeRegistering, std::nullopt};
  }
  if (!status.ok()) return failed(status.error());
  report_contact({});
  return {beat_pause(), std::nullopt};
}

base::Status ControlLoop::register_once() {
  const auto status = client_.register_component(options_.component);
  if (!status.ok()) return status;
  {
    const std::lock_guard lock(mutex_);
    last_.component = options_.component.name;
    last_.instance_id = options_.component.instance_id;
    last_.status = heartbeat_status();
    beaten_at_ms_ = clock_.monotonic_ms();
    pulse_after_ = std::min(server_interval_, kPulseAtFirst);
  }
  registered_ = true;
  ever_registered_ = true;
  knows_config_ = false;
  base::log_info("registered", {{"component", options_.component.name},
                                {"endpoint", client_.endpoint()},
                                {"instance", options_.component.instance_id}});
  return {};
}

base::Status ControlLoop::ensure_config() {
  auto status = fetch_config(0);
  if (!status.ok() && status.error().code == ErrorCode::not_found) status = upload_config();
  if (!status.ok()) return status;
  knows_config_ = true;
  return {};
}

base::Status ControlLoop::upload_config() {
  if (options_.document.empty()) return {};
  etcd_client::PutOptions put;
  put.comment = "uploaded by " + options_.component.name + " at its first start";
  put.expected_version = 0;
  const auto result = client_.put_config(options_.component.name, options_.document, put);
  if (!result.ok() && is_passing(result.error())) return result.error();
  // Somebody else was faster: theirs counts.
  const bool was_there = !result.ok() && result.error().code == ErrorCode::precondition_failed;
  if (!result.ok() && !was_there) {
    config_problem_ = "the configuration was not taken: " + result.error().message;
    base::log_warn("upload of the configuration refused",
                   {{"reason", result.error().reason}, {"problem", result.error().message}});
    return {};
  }
  if (result.ok()) base::log_info("configuration uploaded", {{"version", result->version}});
  const auto fetched = fetch_config(result.ok() ? result->version : 0);
  // An instance that lags behind has not seen it yet; a heartbeat's answer will tell.
  if (!fetched.ok() && fetched.error().code == ErrorCode::not_found) return {};
  return fetched;
}

base::Result<base::ConfigVersion> ControlLoop::fetch(std::string_view name, std::uint64_t told) {
  auto config = client_.get_config(name);
  if (!config.ok() || config->version >= told) return config;
  // Any instance answers this, and this one lags behind: that very version is known to be there.
  return client_.get_config(name, told);
}

base::Status ControlLoop::fetch_config(std::uint64_t told) {
  const auto config = fetch(options_.component.name, told);
  if (!config.ok()) return config.error();
  // Older than what is in force: only the control plane's own word makes it count again.
  if (told == 0 && config->version < seen_version_) return {};
  if (config->version != seen_version_) apply(*config);
  return {};
}

base::Status ControlLoop::fetch_global(std::uint64_t told) {
  const auto config = fetch(base::kGlobalComponent, told);
  if (!config.ok() && config.error().code == ErrorCode::not_found) return {};
  if (!config.ok()) return config.error();
  if (config->version != seen_global_) apply_global(*config);
  return {};
}

base::Status ControlLoop::fetch_pipeline_keys(std::uint64_t told) {
  const auto set = client_.pipeline_keys();
  if (!set.ok() && is_passing(set.error())) return set.error();
  const base::Status applied =
      set.ok() ? callbacks_.apply_pipeline_keys(set->keys) : base::Status(set.error());
  if (!applied.ok()) {
    keys_problem_ = "the newest pipeline keys are not in use: " + applied.error().message;
    base::log_warn("pipeline keys refused, the last good ones stay in use",
                   {{"problem", applied.error().message}});
    return {};
  }
  keys_problem_.clear();
  seen_pipeline_keys_ = told;
  base::log_info("pipeline keys applied", {{"keys", set->keys.size()}});
  return {};
}

void ControlLoop::apply(const base::ConfigVersion& config) {
  seen_version_ = config.version;
  const base::Status applied =
      callbacks_.apply_config ? callbacks_.apply_config(config) : base::Status();
  if (!applied.ok()) {
    config_problem_ = "configuration version " + std::to_string(config.version) +
                      " is not in force: " + applied.error().message;
    base::log_warn("configuration refused, the last good one stays in force",
                   {{"version", config.version}, {"problem", applied.error().message}});
    return;
  }
  config_problem_.clear();
  base::log_info("configuration applied", {{"version", config.version}});
  report_applied("config", config);
}

void ControlLoop::report_applied(const std::string& resource, const base::ConfigVersion& config) {
  base::Applied report;
  report.component = options_.component.name;
  report.resource = resource;
  report.revision = config.version;
  report.digest = config.sha256;
  const auto reported = client_.report_applied(report);
  if (!reported.ok()) {
    base::log_debug("could not report the applied configuration",
                    {{"problem", reported.error().message}});
  }
}

void ControlLoop::apply_global(const base::ConfigVersion& config) {
  seen_global_ = config.version;
  base::Status applied = check_config(global_schema(), config.document);
  if (applied.ok() && callbacks_.apply_global_config) {
    applied = callbacks_.apply_global_config(config);
  }
  if (!applied.ok()) {
    global_problem_ = "global configuration version " + std::to_string(config.version) +
                      " is not in force: " + applied.error().message;
    base::log_warn("global configuration refused, the last good one stays in force",
                   {{"version", config.version}, {"problem", applied.error().message}});
    return;
  }
  global_problem_.clear();
  const Json document = Json::parse(config.document, nullptr, false);
  const std::int64_t interval_s =
      document.value(Json::json_pointer("/heartbeat/interval_s"), std::int64_t{0});
  site_interval_ = milliseconds(interval_s * kSecondMs);
  base::log_info("global configuration applied", {{"version", config.version}});
  report_applied("global", config);
}

// Numbered and dated; what it says is the last one's.
base::Heartbeat ControlLoop::next_heartbeat() {
  ++last_.seq;
  last_.sent_at_ms = clock_.wall_ms();
  beaten_at_ms_ = clock_.monotonic_ms();
  return last_;
}

base::Status ControlLoop::beat() {
  const base::Status health = callbacks_.health ? callbacks_.health() : base::Status();
  health_problem_ = health.ok() ? std::string() : health.error().message;
  std::string status = heartbeat_status();
  std::string detail = heartbeat_detail();
  base::Heartbeat heartbeat;
  {
    const std::lock_guard lock(mutex_);
    last_.status = std::move(status);
    last_.detail = std::move(detail);
    heartbeat = next_heartbeat();
  }
  const auto reply = client_.heartbeat(heartbeat);
  if (!reply.ok()) return reply.error();
  server_interval_ = std::max(reply->interval, milliseconds(1));
  {
    const std::lock_guard lock(mutex_);
    pulse_after_ = server_interval_;
  }
  return follow(reply->heads);
}

milliseconds ControlLoop::pulse() {
  base::Heartbeat heartbeat;
  {
    const std::lock_guard lock(mutex_);
    const milliseconds due =
        milliseconds(beaten_at_ms_ - clock_.monotonic_ms()) + pulse_after_ + kPulseGrain;
    if (!registered_ || due.count() > 0) return std::max(due, kPulseGrain);
    heartbeat = next_heartbeat();
  }
  const auto reply = client_.heartbeat(heartbeat);
  if (!reply.ok()) return kPauseAfterFailure;
  const std::lock_guard lock(mutex_);
  pulse_after_ = std::max(reply->interval, milliseconds(1));
  return pulse_after_;
}

base::Status ControlLoop::follow(const base::ResourceHeads& heads) {
  if (heads.config_version != 0 && heads.config_version != seen_version_) {
    const auto status = fetch_config(heads.config_version);
    if (!status.ok() && status.error().code != ErrorCode::not_found) return status;
  }
  if (heads.global_version != 0 && heads.global_version != seen_global_) {
    const auto status = fetch_global(heads.global_version);
    if (!status.ok()) return status;
  }
  if (callbacks_.apply_pipeline_keys && heads.pipeline_keys_revision != 0 &&
      heads.pipeline_keys_revision != seen_pipeline_keys_) {
    const auto status = fetch_pipeline_keys(heads.pipeline_keys_revision);
    if (!status.ok()) return status;
  }
  if (callbacks_.rules_moved && seen_rules_ != heads.rules_revision) {
    seen_rules_ = heads.rules_revision;
    callbacks_.rules_moved(heads.rules_revision);
  }
  return {};
}

ControlLoop::Step ControlLoop::failed(const base::Error& error) {
  report_contact(error);
  if (!ever_registered_ && !is_passing(error)) {
    base::log_error("the control plane does not take this component",
                    {{"component", options_.component.name},
                     {"reason", error.reason},
                     {"problem", error.message}});
    return {milliseconds(0), exit_code_of(error)};
  }
  return {std::min(kPauseAfterFailure, server_interval_), std::nullopt};
}

// Says once that the control plane is away, whatever that looks like from one moment to the next,
// and once that it is back. A refusal is another matter, which waiting does not mend.
void ControlLoop::report_contact(const base::Status& status) {
  if (status.ok()) {
    if (failing_) {
      base::log_info("the control plane answers again", {{"endpoint", client_.endpoint()}});
    }
    failing_.reset();
    return;
  }
  const base::Error& error = status.error();
  const bool same_matter = failing_ && (failing_->reason == error.reason ||
                                        (is_passing(*failing_) && is_passing(error)));
  if (same_matter || error.reason == "cancelled") return;
  base::log_warn("the control plane does not answer as it should; trying on",
                 {{"reason", error.reason}, {"problem", error.message}});
  failing_ = error;
}

milliseconds ControlLoop::beat_pause() {
  milliseconds interval = server_interval_;
  if (site_interval_.count() > 0) interval = std::min(interval, site_interval_);
  std::uniform_int_distribution<std::int64_t> early(0, interval.count() / kJitterShare);
  return interval - milliseconds(early(random_));
}

const std::string& ControlLoop::problem() const {
  if (!config_problem_.empty()) return config_problem_;
  if (!global_problem_.empty()) return global_problem_;
  return keys_problem_.empty() ? health_problem_ : keys_problem_;
}

std::string ControlLoop::heartbeat_status() const { return problem().empty() ? "ok" : "degraded"; }

std::string ControlLoop::heartbeat_detail() const {
  const std::string own = callbacks_.heartbeat_detail ? callbacks_.heartbeat_detail() : "";
  if (problem().empty()) return own;
  Json detail = Json::parse(own, nullptr, false);
  if (!detail.is_object()) detail = Json::object();
  detail["problem"] = problem().substr(0, base::kCommentCharsMax);
  std::string text = detail.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= base::kDetailBytesMax) return text;
  return Json({{"problem", detail["problem"]}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace mlguard::agent
