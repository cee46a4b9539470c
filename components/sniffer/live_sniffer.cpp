#include "sniffer/live_sniffer.h"

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "base/logging.h"
#include "pipeline/flow_sender.h"
#include "sniffer/flow_writer.h"
#include "sniffer/live_counters.h"
#include "sniffer/round_feeder.h"
#include "sniffer/talkers.h"

namespace mlguard::sniffer {
namespace {

using base::Error;
using base::Status;

constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::chrono::seconds kAttachAgain{2};

std::uint64_t monotonic_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * flow::kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

pipeline::FlowSenderOptions sender_options(const std::string& name, const LiveConfig& config) {
  pipeline::FlowSenderOptions options;
  options.endpoint = config.endpoint;
  options.sniffer = name;
  options.batch_flows = config.batch_flows;
  options.batch_wait = std::chrono::milliseconds(config.batch_wait_ms);
  return options;
}

class RunningSniffer final : public LiveSniffer {
 public:
  RunningSniffer(LiveOptions options, LoadDataPlane load, const base::Clock& clock,
                 std::unique_ptr<FlowWriter> writer)
      : options_(std::move(options)),
        load_(std::move(load)),
        clock_(clock),
        writer_(std::move(writer)) {}
  ~RunningSniffer() override { stop(); }
  void stop() override;

  Status apply(const LiveConfig& config) override;
  Status set_keys(const std::vector<base::PipelineKey>& keys) override;
  std::string detail() const override;
  Status health() const override;

 private:
  // All with the mutex held.
  Status load_once(const LiveConfig& config);
  void detach_unwanted();
  void attach_missing();
  void remake_what_is_gone();
  void apply_flow_settings(const LiveConfig& config);
  Status apply_sender(const LiveConfig& config);
  void begin_tracker(const LiveConfig& config);
  void end_tracker();
  void read_round();
  void emit(const flow::FlowRecord& record);
  // From CLOCK_MONOTONIC to what the wall clock says now.
  std::uint64_t wall_offset() const {
    return static_cast<std::uint64_t>(clock_.wall_ms()) * kNsPerMs - monotonic_ns();
  }

  void run();

  const LiveOptions options_;
  const LoadDataPlane load_;
  const base::Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  std::unique_ptr<FlowWriter> writer_;
  std::unique_ptr<xdp::DataPlane> plane_;
  std::vector<std::string> wanted_;
  std::map<std::string, xdp::AttachMode> attached_;
  std::string attach_problem_;  // empty while all that are wanted are attached
  std::chrono::steady_clock::time_point retry_at_;
  LiveConfig config_;
  std::unique_ptr<flow::Tracker> tracker_;
  std::unique_ptr<RoundFeeder> feeder_;
  std::unique_ptr<pipeline::FlowSender> sender_;
  std::vector<base::PipelineKey> keys_;
  xdp::FlowRound round_;
  Talkers talkers_;
  LiveCounters counters_;
  const std::uint64_t event_offset_ns_ = wall_offset();
  Status health_;
  std::thread thread_;
};

void RunningSniffer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopping_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  wanted_.clear();
  if (!tracker_) return;
  detach_unwanted();
  read_round();
  if (const auto kernel = plane_->counters(); kernel.ok()) counters_.set_kernel(*kernel);
  end_tracker();
  if (sender_) sender_->drain(std::chrono::milliseconds(pipeline::kSendWaitMs));
}

Status RunningSniffer::apply(const LiveConfig& config) {
  const std::lock_guard lock(mutex_);
  Status done = load_once(config);
  if (!done.ok()) return done;
  apply_flow_settings(config);
  done = plane_->sample(config.sample_one_in);
  if (!done.ok()) return done;
  if (options_.sends) done = apply_sender(config);
  if (!done.ok()) return done;
  config_ = config;
  wanted_ = options_.interfaces.empty() ? config.interfaces : options_.interfaces;
  detach_unwanted();
  attach_missing();
  return {};
}

Status RunningSniffer::load_once(const LiveConfig& config) {
  if (plane_) return {};
  auto loaded = load_(config.flows_max);
  if (!loaded.ok()) return loaded.error();
  plane_ = std::move(*loaded);
  begin_tracker(config);
  thread_ = std::thread([this] { run(); });
  return {};
}

void RunningSniffer::detach_unwanted() {
  for (auto at = attached_.begin(); at != attached_.end();) {
    if (std::find(wanted_.begin(), wanted_.end(), at->first) != wanted_.end()) {
      ++at;
      continue;
    }
    const Status detached = plane_->detach(at->first);
    if (detached.ok()) {
      base::log_info("detached", {{"interface", at->first}});
    } else {
      base::log_warn("could not detach",
                     {{"interface", at->first}, {"error", detached.error().message}});
    }
    at = attached_.erase(at);
  }
}

// Those that stay are not touched. One that is missing may come yet (a USB adapter, a tunnel): it
// is told once, stands in the heartbeat, and is tried again.
void RunningSniffer::attach_missing() {
  retry_at_ = std::chrono::steady_clock::now() + kAttachAgain;
  std::string problem;
  for (const std::string& interface : wanted_) {
    if (attached_.count(interface) != 0) continue;
    const base::Result<xdp::AttachMode> mode = plane_->attach(interface);
    if (mode.ok()) {
      attached_[interface] = *mode;
      base::log_info("attached", {{"interface", interface}, {"xdp", to_string(*mode)}});
    } else if (problem.empty()) {
      problem = mode.error().message;
    }
  }
  if (problem != attach_problem_ && !problem.empty()) {
    base::log_warn("not attached", {{"error", problem}});
  }
  attach_problem_ = problem;
}

// Somebody took the pins away, and with them the programs. What the old ones counted is read first.
void RunningSniffer::remake_what_is_gone() {
  const bool all_there =
      std::all_of(attached_.begin(), attached_.end(),
                  [&](const auto& interface) { return plane_->holds(interface.first); });
  if (all_there) return;
  base::log_warn("the pinned programs were taken away: loading and attaching them anew");
  read_round();
  auto loaded = load_(config_.flows_max);
  Status done = loaded.ok() ? Status() : Status(loaded.error());
  if (done.ok()) {
    plane_ = std::move(*loaded);
    counters_.programs_ended();
    attached_.clear();
    done = plane_->sample(config_.sample_one_in);
    attach_missing();
  }
  if (!done.ok()) health_ = done;
}

void RunningSniffer::apply_flow_settings(const LiveConfig& config) {
  if (config.flows_max != config_.flows_max) {
    end_tracker();
    begin_tracker(config);
  }
  tracker_->set_timeouts(config.idle_timeout_s * flow::kNsPerSecond,
                         config.active_timeout_s * flow::kNsPerSecond);
}

Status RunningSniffer::apply_sender(const LiveConfig& config) {
  if (!sender_) {
    auto started = pipeline::FlowSender::start(sender_options(options_.name, config), clock_);
    if (!started.ok()) return started.error();
    sender_ = std::move(*started);
    return keys_.empty() ? Status{} : sender_->set_keys(keys_);
  }
  if (config.endpoint != config_.endpoint) {
    const Status moved = sender_->set_endpoint(config.endpoint);
    if (!moved.ok()) return moved;
  }
  return sender_->set_batching(config.batch_flows, std::chrono::milliseconds(config.batch_wait_ms));
}

void RunningSniffer::begin_tracker(const LiveConfig& config) {
  std::random_device random;
  flow::TrackerOptions options;
  options.flows_max = config.flows_max;
  options.early_after_ns = kEarlyAfterNs;
  options.seed = (std::uint64_t{random()} << 32) | random();
  tracker_ = std::make_unique<flow::Tracker>(
      options, [this](const flow::FlowRecord& record) { emit(record); });
  feeder_ = std::make_unique<RoundFeeder>(*tracker_, event_offset_ns_);
}

void RunningSniffer::end_tracker() {
  if (!tracker_) return;
  feeder_->flush();
  tracker_->finish();
  counters_.tracker_ended(*tracker_);
  feeder_.reset();
  tracker_.reset();
  if (const Status written = writer_->finish(); !written.ok()) health_ = written;
}

void RunningSniffer::emit(const flow::FlowRecord& record) {
  flow::FlowRecord told = record;
  flow::shift_times(told.counters, wall_offset() - event_offset_ns_);
  if (record.reason != flow::CloseReason::early) writer_->add(told);
  if (sender_) sender_->offer(told);
}

void RunningSniffer::read_round() {
  // Before the round: what is counted by now must be in this round or an earlier one.
  const base::Result<xdp::Counters> kernel = plane_->counters();
  Status read = kernel.ok() ? plane_->read_round(round_) : Status(kernel.error());
  if (read.ok()) {
    counters_.add_round(*kernel, round_);
    talkers_.add(round_);
    feeder_->feed(round_);
    if (writer_->failed()) read = writer_->finish();
  }
  if (!read.ok() && health_.ok()) {
    base::log_warn("cannot read the kernel's counters", {{"error", read.error().message}});
  }
  health_ = read;
}

void RunningSniffer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    read_round();
    remake_what_is_gone();
    if (!attach_problem_.empty() && std::chrono::steady_clock::now() >= retry_at_) {
      attach_missing();
    }
    stopping_changed_.wait_for(lock, kRoundInterval, [this] { return stopping_; });
  }
}

Status RunningSniffer::set_keys(const std::vector<base::PipelineKey>& keys) {
  const std::lock_guard lock(mutex_);
  keys_ = keys;
  return sender_ ? sender_->set_keys(keys) : Status{};
}

Status RunningSniffer::health() const {
  const std::lock_guard lock(mutex_);
  if (!health_.ok() || attach_problem_.empty()) return health_;
  return Error(base::ErrorCode::unavailable, "not_attached", attach_problem_);
}

std::string RunningSniffer::detail() const {
  const std::lock_guard lock(mutex_);
  pipeline::FlowSenderCounters sent;
  if (sender_) sent = sender_->counters();
  return counters_.json(attached_, tracker_.get(), sent, talkers_);
}

}  // namespace

base::Result<std::unique_ptr<LiveSniffer>> LiveSniffer::create(const LiveOptions& options,
                                                               LoadDataPlane load,
                                                               const base::Clock& clock) {
  auto writer = FlowWriter::open(options.flows_path, options.flows_format);
  if (!writer.ok()) return writer.error();
  return base::Result<std::unique_ptr<LiveSniffer>>(
      std::make_unique<RunningSniffer>(options, std::move(load), clock, std::move(*writer)));
}

}  // namespace mlguard::sniffer
