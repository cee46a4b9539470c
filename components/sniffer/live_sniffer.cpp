#include "sniffer/live_sniffer.h"

#include <condition_variable>
#include <mutex>
#include <random>
#include <string>
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

using base::Status;

// A capture can wait until its last flows are taken; a wire's sniffer is to end now.
constexpr std::chrono::seconds kDrainAtTheEnd{5};
// Of records of a source that can wait: so many may come at once.
constexpr std::size_t kRecordsBetweenDrains = pipeline::kQueuedFlowsMax / 8;

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
  RunningSniffer(LiveOptions options, std::unique_ptr<PacketSource> source,
                 const base::Clock& clock, std::unique_ptr<FlowWriter> writer)
      : options_(std::move(options)),
        source_(std::move(source)),
        clock_(clock),
        writer_(std::move(writer)) {}
  ~RunningSniffer() override { stop(); }
  void stop() override;
  void wait_for_end() override;

  Status apply(const LiveConfig& config) override;
  Status set_keys(const std::vector<base::PipelineKey>& keys) override;
  std::string detail() const override;
  Status health() const override;

 private:
  // All with the mutex held.
  Status load_once(const LiveConfig& config);
  void remake_what_is_gone();
  void apply_flow_settings(const LiveConfig& config);
  Status apply_sender(const LiveConfig& config);
  void begin_tracker(const LiveConfig& config);
  void end_tracker();
  Demand demand();
  std::string missing() const;
  void read_round();
  void follow_round_end();
  void emit(const flow::FlowRecord& record);

  void run();

  const LiveOptions options_;
  const std::unique_ptr<PacketSource> source_;
  const base::Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  bool loaded_ = false;
  bool over_ = false;  // The source has ended.
  std::unique_ptr<FlowWriter> writer_;
  LiveConfig config_;
  std::unique_ptr<flow::Tracker> tracker_;
  std::unique_ptr<RoundFeeder> feeder_;
  std::unique_ptr<pipeline::FlowSender> sender_;
  std::vector<base::PipelineKey> keys_;
  xdp::FlowRound round_;
  Talkers talkers_;
  LiveCounters counters_;
  std::string missing_;      // What a capture waits for, as it was told last.
  std::size_t emitted_ = 0;  // Since the sender was last waited for.
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
  if (!std::exchange(loaded_, false)) return;
  const bool can_wait = over_;
  source_->close();
  read_round();
  if (const auto counted = source_->counters(); counted.ok()) counters_.set_kernel(*counted);
  end_tracker();
  if (!sender_) return;
  using std::chrono::milliseconds;
  sender_->drain(can_wait ? milliseconds(kDrainAtTheEnd) : milliseconds(pipeline::kSendWaitMs));
  const pipeline::FlowSenderCounters sent = sender_->counters();
  base::log_info("flows sent", {{"flows", sent.flows_sent},
                                {"batches", sent.batches_sent},
                                {"lost", sent.flows_shed},
                                {"left", sent.flows_queued}});
}

void RunningSniffer::wait_for_end() {
  std::unique_lock lock(mutex_);
  stopping_changed_.wait(lock, [this] { return stopping_ || over_; });
}

Status RunningSniffer::apply(const LiveConfig& config) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return {};
  Status done = load_once(config);
  if (!done.ok()) return done;
  apply_flow_settings(config);
  if (options_.sends) done = apply_sender(config);
  if (!done.ok()) return done;
  config_ = config;
  return source_->apply(config);
}

Status RunningSniffer::load_once(const LiveConfig& config) {
  if (loaded_) return {};
  if (Status done = source_->load(config.flows_max); !done.ok()) return done;
  loaded_ = true;
  begin_tracker(config);
  thread_ = std::thread([this] { run(); });
  return {};
}

// Somebody took the pins away, and with them the programs. What the old ones counted is read first.
void RunningSniffer::remake_what_is_gone() {
  if (!source_->is_lost()) return;
  base::log_warn("the pinned programs were taken away: loading and attaching them anew");
  read_round();
  Status done = source_->load(config_.flows_max);
  if (done.ok()) {
    counters_.programs_ended();
    done = source_->apply(config_);
  }
  if (!done.ok()) health_ = done;
}

void RunningSniffer::apply_flow_settings(const LiveConfig& config) {
  if (!tracker_) return;
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
  options.idle_timeout_ns = config.idle_timeout_s * flow::kNsPerSecond;
  options.active_timeout_ns = config.active_timeout_s * flow::kNsPerSecond;
  options.early_after_ns = kEarlyAfterNs;
  if (!source_->is_recorded()) options.seed = (std::uint64_t{random()} << 32) | random();
  tracker_ = std::make_unique<flow::Tracker>(
      options, [this](const flow::FlowRecord& record) { emit(record); });
  feeder_ = std::make_unique<RoundFeeder>(*tracker_, source_->event_offset_ns());
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
  flow::shift_times(told.counters, source_->told_offset_ns());
  if (record.reason != flow::CloseReason::early) writer_->add(told);
  if (!sender_) return;
  sender_->offer(told);
  // All flows of a capture may end at once.
  if (!source_->is_recorded() || ++emitted_ < kRecordsBetweenDrains) return;
  emitted_ = 0;
  sender_->drain(std::chrono::milliseconds(pipeline::kSendWaitMs));
}

// Whom records are for is not there yet; empty when somebody takes them.
std::string RunningSniffer::missing() const {
  if (!options_.sends) return {};
  const auto now = sender_ ? sender_->counters() : pipeline::FlowSenderCounters();
  if (!now.has_key) return "a pipeline key of the control plane";
  return now.connected ? "" : "an ml-detector at " + config_.endpoint;
}

Demand RunningSniffer::demand() {
  if (!source_->is_recorded()) return Demand::open;
  std::string missing_now = missing();
  if (missing_now != missing_ && !missing_now.empty()) {
    base::log_info("the capture waits", {{"for", missing_now}});
  }
  missing_ = std::move(missing_now);
  if (!missing_.empty()) return Demand::held;
  const bool is_full = sender_ && sender_->counters().flows_queued >= pipeline::kQueuedFlowsMax / 2;
  return is_full ? Demand::held : Demand::open;
}

void RunningSniffer::read_round() {
  // Before the round: what is counted by now must be in this round or an earlier one.
  const base::Result<xdp::Counters> kernel = source_->counters();
  Status read = kernel.ok() ? source_->read_round(round_, demand()) : Status(kernel.error());
  if (read.ok() && feeder_) {
    counters_.add_round(*kernel, round_);
    talkers_.add(round_);
    feeder_->feed(round_);
    follow_round_end();
    if (writer_->failed()) read = writer_->finish();
  }
  if (!read.ok() && health_.ok()) {
    base::log_warn("cannot read what was counted", {{"error", read.error().message}});
  }
  health_ = read;
}

void RunningSniffer::follow_round_end() {
  if (source_->round_end() == RoundEnd::goes_on) return;
  end_tracker();
  if (source_->round_end() == RoundEnd::pass) return begin_tracker(config_);
  over_ = true;
  stopping_changed_.notify_all();
}

void RunningSniffer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_ && !over_) {
    read_round();
    remake_what_is_gone();
    source_->keep_up();
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
  return health_.ok() ? source_->health() : health_;
}

std::string RunningSniffer::detail() const {
  const std::lock_guard lock(mutex_);
  pipeline::FlowSenderCounters sent;
  if (sender_) sent = sender_->counters();
  return counters_.json(source_->json(), tracker_.get(), sent, talkers_);
}

}  // namespace

base::Result<std::unique_ptr<LiveSniffer>> LiveSniffer::create(const LiveOptions& options,
                                                               std::unique_ptr<PacketSource> source,
                                                               const base::Clock& clock) {
  auto writer = FlowWriter::open(options.flows_path, options.flows_format);
  if (!writer.ok()) return writer.error();
  return base::Result<std::unique_ptr<LiveSniffer>>(
      std::make_unique<RunningSniffer>(options, std::move(source), clock, std::move(*writer)));
}

}  // namespace mlguard::sniffer
