#include "ml_detector/live_detector.h"

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "base/logging.h"
#include "ml_detector/delivery.h"
#include "ml_detector/judge.h"
#include "ml_detector/live_detail.h"
#include "ml_detector/model_download.h"
#include "ml_detector/model_store.h"
#include "ml_detector/own_addresses.h"
#include "ml_detector/own_rules.h"
#include "ml_detector/pending_reports.h"
#include "pipeline/flow_receiver.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;
using base::Status;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds kReceiveWait{200};
constexpr seconds kTick{1};
constexpr seconds kModelAgain{5};
constexpr seconds kServersKept{60};
constexpr seconds kOwnAgain{300};

std::uint64_t random_seed() {
  std::random_device random;
  return (std::uint64_t{random()} << 32U) | random();
}

class RunningDetector final : public LiveDetector {
 public:
  RunningDetector(const DetectorOptions& options, const base::Clock& clock,
                  std::unique_ptr<Outbox> outbox)
      : options_(options),
        clock_(clock),
        outbox_(std::move(outbox)),
        judge_(FastRuleLimits{}, PolicySettings{}, random_seed(), now()),
        models_(options.state_folder + "/models",
                [this](const std::string& sha256) { return fetch_model(sha256); }),
        own_rules_(options.name) {
    if (const auto offenders = outbox_->offenders(); offenders.ok()) {
      judge_.policy().restore(*offenders);
      const auto queued = outbox_->rule_ids();
      if (queued.ok()) own_rules_.expect(*offenders, *queued, clock_.wall_ms());
    }
    if (const auto servers = outbox_->servers(); servers.ok()) judge_.servers().restore(*servers);
    own_ = own_addresses(options_.endpoints);
  }
  ~RunningDetector() override { stop(); }

  Status apply(const DetectorConfig& config) override;
  void set_shared_allowlist(std::vector<Network> networks) override;
  void rules(const base::RuleSet& set) override;
  Status set_keys(const std::vector<base::PipelineKey>& keys) override;
  void connect(Send send) override;
  void stop() override;
  std::string detail() const override;
  Status health() const override;
  std::string endpoint() const override;

 private:
  using Loaded = std::shared_ptr<const LoadedModel>;

  Now now() const { return {clock_.monotonic_ms(), clock_.wall_ms()}; }
  base::Result<std::string> fetch_model(const std::string& sha256);
  base::Result<Loaded> load_model(const DetectorConfig& config);
  Status bind_or_rebind(const std::string& endpoint);
  Status first_bind(const std::string& endpoint);
  void retry_listening();
  void rebind_if_asked();
  void use_model(Loaded model);
  void retry_model();
  void settings_changed();
  void take_batches();
  void look_after_time();
  void tick(steady_clock::time_point at);
  void store(const std::vector<ToldReport>& told);
  void save_servers();

  const DetectorOptions options_;
  const base::Clock& clock_;
  const std::unique_ptr<Outbox> outbox_;

  // Held while a batch is judged; everything that judging needs.
  mutable std::mutex judge_mutex_;
  Judge judge_;

  std::mutex apply_mutex_;  // one change at a time; guards models_
  ModelStore models_;

  OwnRules own_rules_;  // of whoever calls rules(), one at a time

  std::mutex store_mutex_;  // one writer to the queue at a time
  PendingReports pending_;  // guarded by store_mutex_

  mutable std::mutex mutex_;
  std::condition_variable stopping_changed_;
  std::condition_variable rebind_changed_;
  bool stopping_ = false;  // guarded by mutex_, as all below
  DetectorConfig config_;
  std::vector<Network> own_;
  std::vector<Network> shared_allowlist_;
  std::vector<base::PipelineKey> keys_;
  std::unique_ptr<pipeline::FlowReceiver> receiver_;  // stays once it is there
  std::string rebind_to_;                             // empty: nobody asks
  std::optional<Status> rebound_;
  Send send_;
  std::unique_ptr<Delivery> delivery_;
  std::string listen_problem_;  // why no flow can be taken yet
  std::string model_problem_;   // why the wanted model does not judge yet
  std::string queue_problem_;
  std::uint64_t reports_lost_ = 0;
  std::size_t rules_in_force_ = 0;
  std::uint64_t rules_taken_away_ = 0;

  std::thread taking_;
  std::thread timing_;
  std::thread delivering_;
};

// ---- Configuration ------------------------------------------------------------------------------

base::Result<std::string> RunningDetector::fetch_model(const std::string& sha256) {
  Send send;
  {
    const std::lock_guard lock(mutex_);
    send = send_;
  }
  if (!send) {
    return Error{ErrorCode::unavailable, "not_connected", "there is no control plane yet"};
  }
  return download_model(send, sha256);
}

base::Result<RunningDetector::Loaded> RunningDetector::load_model(const DetectorConfig& config) {
  if (!config.model_sha256.empty()) return models_.get(config.model_sha256);
  if (!config.model_path.empty()) return ModelStore::load(config.model_path);
  for (const std::string& folder : options_.models_folders) {
    auto model = ModelStore::load(folder + "/" + config.model_name + ".json");
    if (model.ok() || model.error().code != ErrorCode::not_found) return model;
  }
  return Loaded();
}

bool is_passing(const Error& error) {
  return error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout ||
         error.code == ErrorCode::not_found || error.code == ErrorCode::resource_exhausted;
}

std::string wanted_model(const DetectorConfig& config) {
  if (!config.model_sha256.empty()) return config.model_sha256;
  return config.model_path.empty() ? config.model_name : config.model_path;
}

Status RunningDetector::apply(const DetectorConfig& config) {
  const std::lock_guard one_at_a_time(apply_mutex_);
  auto model = load_model(config);
  const bool wait_for_it = !model.ok() && !config.model_sha256.empty() && is_passing(model.error());
  if (!model.ok() && !wait_for_it) {
    return Error{model.error().code, model.error().reason,
                 "the model " + wanted_model(config) +
                     " is refused, the old one stays: " + model.error().message};
  }
  const Status bound = bind_or_rebind(config.endpoint);
  {
    const std::lock_guard lock(mutex_);
    // Whoever holds the port at the start may let it go: it is tried again.
    const bool wait_for_port =
        !bound.ok() && !receiver_ && bound.error().code == ErrorCode::unavailable;
    if (!bound.ok() && !wait_for_port) return bound;
    listen_problem_ = bound.ok() ? std::string() : bound.error().message;
    config_ = config;
    if (!timing_.joinable() && !stopping_) timing_ = std::thread([this] { look_after_time(); });
    model_problem_ = model.ok() ? std::string()
                                : "the model " + config.model_sha256 +
                                      " does not judge yet: " + model.error().message;
  }
  settings_changed();
  if (model.ok()) use_model(std::move(*model));
  return {};
}

Status RunningDetector::first_bind(const std::string& endpoint) {
  auto bound = pipeline::FlowReceiver::bind({.endpoint = endpoint}, clock_);
  if (!bound.ok()) return bound.error();
  if (!keys_.empty()) {
    if (const Status set = (*bound)->set_keys(keys_); !set.ok()) return set;
  }
  receiver_ = std::move(*bound);
  taking_ = std::thread([this] { take_batches(); });
  base::log_info("taking flows", {{"endpoint", receiver_->endpoint()}});
  return {};
}

// The socket is the taking thread's: it is asked, and answers between two batches.
Status RunningDetector::bind_or_rebind(const std::string& endpoint) {
  std::unique_lock lock(mutex_);
  if (!receiver_) return first_bind(endpoint);
  if (endpoint == config_.endpoint) return {};
  rebind_to_ = endpoint;
  rebound_ = std::nullopt;
  rebind_changed_.wait(lock, [this] { return rebound_.has_value() || stopping_; });
  rebind_to_.clear();
  if (!rebound_) return Error{ErrorCode::unavailable, "stopped", "the detector stops"};
  return *rebound_;
}

void RunningDetector::rebind_if_asked() {
  std::string endpoint;
  {
    const std::lock_guard lock(mutex_);
    if (rebind_to_.empty() || rebound_) return;
    endpoint = rebind_to_;
  }
  Status done = receiver_->rebind(endpoint);
  if (done.ok()) base::log_info("taking flows", {{"endpoint", receiver_->endpoint()}});
  {
    const std::lock_guard lock(mutex_);
    rebound_ = std::move(done);
  }
  rebind_changed_.notify_all();
}

void RunningDetector::retry_listening() {
  const std::lock_guard lock(mutex_);
  if (listen_problem_.empty() || receiver_ || stopping_) return;
  const Status bound = first_bind(config_.endpoint);
  listen_problem_ = bound.ok() ? std::string() : bound.error().message;
}

void RunningDetector::use_model(Loaded model) {
  const std::lock_guard lock(judge_mutex_);
  const bool same = judge_.model() != nullptr && model &&
                    judge_.model()->model.info().sha256 == model->model.info().sha256;
  if (same) return;
  if (model) {
    base::log_info("a model judges",
                   {{"name", model->model.info().name}, {"sha256", model->model.info().sha256}});
  } else {
    base::log_info("no model: fast rules only");
  }
  judge_.set_model(std::move(model));
}

void RunningDetector::settings_changed() {
  FastRuleLimits limits;
  PolicySettings settings;
  {
    const std::lock_guard lock(mutex_);
    limits = config_.fast_rules;
    settings = config_.policy;
    settings.own = own_;
    settings.allowlist.insert(settings.allowlist.end(), shared_allowlist_.begin(),
                              shared_allowlist_.end());
  }
  const std::lock_guard lock(judge_mutex_);
  judge_.set_limits(limits);
  judge_.set_settings(std::move(settings), now());
}

void RunningDetector::retry_model() {
  const std::lock_guard one_at_a_time(apply_mutex_);
  DetectorConfig config;
  {
    const std::lock_guard lock(mutex_);
    if (model_problem_.empty() || !send_) return;
    config = config_;
  }
  auto model = load_model(config);
  {
    const std::lock_guard lock(mutex_);
    model_problem_ = model.ok() ? std::string()
                                : "the model " + wanted_model(config) +
                                      " does not judge: " + model.error().message;
  }
  if (model.ok()) use_model(std::move(*model));
}

void RunningDetector::set_shared_allowlist(std::vector<Network> networks) {
  {
    const std::lock_guard lock(mutex_);
    shared_allowlist_ = std::move(networks);
  }
  settings_changed();
}

void RunningDetector::rules(const base::RuleSet& set) {
  const std::vector<RuleNews> news = own_rules_.look(set, clock_.wall_ms());
  std::vector<Offender> left_alone;
  {
    const std::lock_guard lock(judge_mutex_);
    left_alone = heed(news, judge_.policy(), now());
  }
  {
    const std::lock_guard lock(mutex_);
    rules_in_force_ = own_rules_.in_force();
    rules_taken_away_ += left_alone.size();
  }
  if (left_alone.empty()) return;
  base::log_info("rules were taken away: their sources are left alone for a while",
                 {{"rules", std::to_string(left_alone.size())}});
  if (const Status kept = outbox_->add({}, {}, left_alone); !kept.ok()) {
    base::log_warn("could not keep what was taken away", {{"problem", kept.error().message}});
  }
}

Status RunningDetector::set_keys(const std::vector<base::PipelineKey>& keys) {
  const std::lock_guard lock(mutex_);
  if (receiver_) {
    if (const Status set = receiver_->set_keys(keys); !set.ok()) return set;
  }
  keys_ = keys;
  return {};
}

void RunningDetector::connect(Send send) {
  const std::lock_guard lock(mutex_);
  if (delivery_ || stopping_) return;
  send_ = send;
  delivery_ = std::make_unique<Delivery>(*outbox_, clock_, std::move(send));
  delivering_ = std::thread([delivery = delivery_.get()] { delivery->run(); });
}

// ---- Work ---------------------------------------------------------------------------------------

void RunningDetector::take_batches() {
  for (;;) {
    auto batch = receiver_->receive(kReceiveWait);
    if (!batch.ok()) return;  // stopped
    // What has arrived at the old endpoint is taken before it goes.
    if (!*batch) {
      rebind_if_asked();
      continue;
    }
    std::vector<ToldReport> told;
    {
      const std::lock_guard lock(judge_mutex_);
      told = judge_.look((*batch)->flows, now());
    }
    if (!told.empty()) store(told);
  }
}

void RunningDetector::store(const std::vector<ToldReport>& told) {
  const std::lock_guard one_at_a_time(store_mutex_);
  pending_.add(told, options_.name, clock_.wall_ms());
  if (pending_.empty()) return;
  const Status added = outbox_->add(pending_.rules, pending_.detections, pending_.offenders);
  std::uint64_t lost = 0;
  if (added.ok()) {
    pending_.clear();
  } else {
    lost = pending_.trim();
  }
  const std::lock_guard lock(mutex_);
  reports_lost_ += lost;
  if (!added.ok() && queue_problem_.empty()) {
    base::log_error("the queue takes nothing", {{"problem", added.error().message}});
  }
  queue_problem_ = added.ok() ? std::string() : added.error().message;
  if (delivery_) delivery_->wake();
}

void RunningDetector::save_servers() {
  std::vector<KnownServers::Entry> servers;
  {
    const std::lock_guard lock(judge_mutex_);
    servers = judge_.servers().entries();
  }
  const Status saved = outbox_->save_servers(servers);
  if (!saved.ok()) {
    base::log_warn("could not keep the known servers", {{"problem", saved.error().message}});
  }
}

void RunningDetector::look_after_time() {
  steady_clock::time_point model_at = steady_clock::now() + kModelAgain;
  steady_clock::time_point servers_at = steady_clock::now() + kServersKept;
  steady_clock::time_point own_at = steady_clock::now() + kOwnAgain;
  std::unique_lock lock(mutex_);
  while (!stopping_changed_.wait_for(lock, kTick, [this] { return stopping_; })) {
    lock.unlock();
    std::vector<ToldReport> due;
    {
      const std::lock_guard judging(judge_mutex_);
      due = judge_.due(now());
    }
    store(due);
    retry_listening();
    const auto at = steady_clock::now();
    if (at >= model_at) {
      retry_model();
      model_at = at + kModelAgain;
    }
    if (at >= servers_at) {
      save_servers();
      servers_at = at + kServersKept;
    }
    if (at >= own_at) {
      std::vector<Network> own = own_addresses(options_.endpoints);
      lock.lock();
      own_ = std::move(own);
      lock.unlock();
      settings_changed();
      own_at = at + kOwnAgain;
    }
    lock.lock();
  }
}

void RunningDetector::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
    if (receiver_) receiver_->stop();
    if (delivery_) delivery_->stop();
  }
  stopping_changed_.notify_all();
  rebind_changed_.notify_all();
  if (taking_.joinable()) taking_.join();
  if (timing_.joinable()) timing_.join();
  if (delivering_.joinable()) delivering_.join();
  save_servers();
}

// ---- What it says -------------------------------------------------------------------------------

std::string RunningDetector::detail() const {
  DetailSources sources;
  {
    const std::lock_guard lock(judge_mutex_);
    sources.judge = judge_.counters();
    sources.policy = judge_.policy_counters();
    if (const LoadedModel* model = judge_.model()) {
      sources.model_name = model->model.info().name;
      sources.model_sha256 = model->model.info().sha256;
    }
  }
  sources.outbox = outbox_->counters();
  const std::lock_guard lock(mutex_);
  if (receiver_) sources.receiver = receiver_->counters();
  sources.has_key = !keys_.empty();
  sources.reports_lost = reports_lost_;
  sources.rules_in_force = rules_in_force_;
  sources.rules_taken_away = rules_taken_away_;
  sources.fast_rules = config_.fast_rules.enabled;
  return detail_json(sources);
}

Status RunningDetector::health() const {
  const std::lock_guard lock(mutex_);
  if (!listen_problem_.empty()) {
    return Error{ErrorCode::unavailable, "not_listening", listen_problem_};
  }
  if (!model_problem_.empty()) return Error{ErrorCode::unavailable, "no_model", model_problem_};
  if (!queue_problem_.empty()) return Error{ErrorCode::io, "queue", queue_problem_};
  return {};
}

std::string RunningDetector::endpoint() const {
  const std::lock_guard lock(mutex_);
  return receiver_ ? receiver_->endpoint() : std::string();
}

}  // namespace

base::Result<std::unique_ptr<LiveDetector>> LiveDetector::create(const DetectorOptions& options,
                                                                 const base::Clock& clock) {
  auto outbox = Outbox::open(options.state_folder + "/outbox.db");
  if (!outbox.ok()) return outbox.error();
  return base::Result<std::unique_ptr<LiveDetector>>(
      std::make_unique<RunningDetector>(options, clock, std::move(*outbox)));
}

}  // namespace mlguard::ml_detector
