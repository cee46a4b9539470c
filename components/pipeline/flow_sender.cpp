#include "pipeline/flow_sender.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <zmq.hpp>

#include "base/ids.h"
#include "base/logging.h"
#include "pipeline/pipe_endpoint.h"
#include "pipeline/sealed_batch.h"

namespace mlguard::pipeline {
namespace {

using SteadyClock = std::chrono::steady_clock;

// How soon a key that becomes active, or a batch that is due, is noticed at the latest.
constexpr milliseconds kLookAgain{50};
constexpr milliseconds kBatchWaitMax{60'000};
constexpr int kPeerBeatMs = 5'000;
constexpr int kPeerSilentMs = 15'000;

// A socket, and what its monitor tells of connections that come and go.
struct Link {
  Link(zmq::socket_t&& pushing, zmq::socket_t&& monitoring)
      : socket(std::move(pushing)), events(std::move(monitoring)) {}
  ~Link() { close(); }
  Link(Link&&) = default;
  Link& operator=(Link&& other) noexcept {
    close();
    socket = std::move(other.socket);
    events = std::move(other.events);
    return *this;
  }

  void close() noexcept {
    // The monitor first: ZeroMQ's thread would wait for somebody to listen to what it still tells,
    // and no socket of the context would connect again.
    if (socket.handle() != nullptr) zmq_socket_monitor(socket.handle(), nullptr, 0);
    socket.close();
    events.close();
  }

  zmq::socket_t socket;
  zmq::socket_t events;
};

base::Result<Link> connect(zmq::context_t& context, const std::string& endpoint) {
  const base::Status checked = check_pipe_endpoint(endpoint);
  if (!checked.ok()) return checked.error();
  static std::atomic<std::uint64_t> made = 0;
  const std::string monitor = "inproc://link-" + std::to_string(++made);
  try {
    Link link(zmq::socket_t(context, zmq::socket_type::push),
              zmq::socket_t(context, zmq::socket_type::pair));
    if (zmq_socket_monitor(link.socket.handle(), monitor.c_str(),
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0) {
      throw zmq::error_t();
    }
    link.events.set(zmq::sockopt::linger, 0);
    link.events.connect(monitor);
    link.socket.set(zmq::sockopt::sndhwm, kQueuedBatches);
    link.socket.set(zmq::sockopt::linger, kLingerMs);
    link.socket.set(zmq::sockopt::ipv6, true);
    // A detector's host that vanishes without a word is noticed, and connected to again.
    link.socket.set(zmq::sockopt::heartbeat_ivl, kPeerBeatMs);
    link.socket.set(zmq::sockopt::heartbeat_timeout, kPeerSilentMs);
    link.socket.connect(endpoint);
    return link;
  } catch (const zmq::error_t& error) {
    return pipe_error(endpoint, error.what());
  }
}

// What came since it was last asked; nothing when nothing did.
std::optional<bool> connection_of(Link& link) {
  std::optional<bool> connected;
  try {
    zmq::message_t event;
    // Two frames: number and value, then the address (zmq_socket_monitor(3)).
    while (link.events.recv(event, zmq::recv_flags::dontwait)) {
      std::uint16_t number = 0;
      if (event.size() >= sizeof number) std::memcpy(&number, event.data(), sizeof number);
      zmq::message_t address;
      if (!link.events.recv(address, zmq::recv_flags::dontwait)) break;
      connected = number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    }
  } catch (const zmq::error_t&) {
    // Interrupted: the next look reads on.
  }
  return connected;
}

base::Status check_batching(std::size_t batch_flows, milliseconds batch_wait) {
  if (batch_flows >= 1 && batch_flows <= kFlowsPerBatchMax && batch_wait.count() >= 1 &&
      batch_wait <= kBatchWaitMax) {
    return {};
  }
  return base::Error{base::ErrorCode::invalid_argument, "invalid_batching",
                     "a batch holds 1 to " + std::to_string(kFlowsPerBatchMax) +
                         " flows and waits 1 to " + std::to_string(kBatchWaitMax.count()) + " ms"};
}

class FlowSenderImpl final : public FlowSender {
 public:
  FlowSenderImpl(const FlowSenderOptions& options, const base::Clock& clock,
                 std::unique_ptr<zmq::context_t> context, Link link)
      : sniffer_(options.sniffer),
        clock_(clock),
        context_(std::move(context)),
        link_(std::move(link)),
        keys_(std::make_shared<const Keyring>()),
        batch_flows_(options.batch_flows),
        batch_wait_(options.batch_wait),
        thread_([this] { work(); }) {}

  ~FlowSenderImpl() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
    }
    thread_.join();
  }

  bool offer(const flow::FlowRecord& record) override {
    const bool is_valid = check_flow(record).ok();
    const std::lock_guard lock(mutex_);
    ++counters_.flows_offered;
    if (!is_valid) {
      ++counters_.flows_invalid;
      return false;
    }
    if (queue_.size() >= kQueuedFlowsMax) {
      ++counters_.flows_shed;
      return false;
    }
    if (queue_.empty()) oldest_at_ = SteadyClock::now();
    queue_.push_back(record);
    if (queue_.size() == 1 || queue_.size() == batch_flows_) wake_.notify_all();
    return true;
  }

  base::Status set_keys(const std::vector<base::PipelineKey>& keys) override {
    auto ring = Keyring::of(keys);
    if (!ring.ok()) return ring.error();
    auto shared = std::make_shared<const Keyring>(std::move(*ring));
    const std::lock_guard lock(mutex_);
    keys_ = std::move(shared);
    wake_.notify_all();
    return {};
  }

  base::Status set_endpoint(const std::string& endpoint) override {
    // Made here, so that a mistake is told to whoever made it; used by the sender's thread alone.
    auto link = connect(*context_, endpoint);
    if (!link.ok()) return link.error();
    const std::lock_guard lock(mutex_);
    next_link_ = std::move(*link);
    wake_.notify_all();
    return {};
  }

  base::Status set_batching(std::size_t batch_flows, milliseconds batch_wait) override {
    const base::Status checked = check_batching(batch_flows, batch_wait);
    if (!checked.ok()) return checked;
    const std::lock_guard lock(mutex_);
    batch_flows_ = batch_flows;
    batch_wait_ = batch_wait;
    wake_.notify_all();
    return {};
  }

  bool drain(milliseconds within) override {
    std::unique_lock lock(mutex_);
    ++draining_;
    wake_.notify_all();
    const bool empty =
        wake_.wait_for(lock, within, [this] { return queue_.empty() && !is_sending_; });
    --draining_;
    return empty;
  }

  FlowSenderCounters counters() const override {
    const std::lock_guard lock(mutex_);
    FlowSenderCounters now = counters_;
    now.flows_queued = queue_.size();
    now.has_key = keys_->to_seal(clock_.wall_ms()) != nullptr;
    return now;
  }

  const std::string& instance_id() const override { return sealer_.instance_id(); }

 private:
  bool is_due() const {
    if (queue_.empty() || keys_->to_seal(clock_.wall_ms()) == nullptr) return false;
    return stopping_ || draining_ > 0 || queue_.size() >= batch_flows_ ||
           SteadyClock::now() - oldest_at_ >= batch_wait_;
  }

  milliseconds pause() const {
    if (queue_.empty()) return kLookAgain * (counters_.connected ? 20 : 4);
    const auto left =
        std::chrono::duration_cast<milliseconds>(oldest_at_ + batch_wait_ - SteadyClock::now());
    return std::clamp(left, milliseconds(1), kLookAgain);
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (next_link_) {
        link_ = std::move(*next_link_);  // The old one closes, and lingers.
        next_link_.reset();
        counters_.connected = false;
      }
      counters_.connected = connection_of(link_).value_or(counters_.connected);
      if (is_due()) {
        send_batch(lock);
      } else if (stopping_) {
        break;
      } else {
        wake_.wait_for(lock, pause());
      }
    }
    counters_.flows_shed += queue_.size();
    queue_.clear();
    link_.close();
  }

  // REQUIRES: is_due(). Unlocks while it works.
  void send_batch(std::unique_lock<std::mutex>& lock) {
    FlowBatch batch;
    batch.sniffer = sniffer_;
    batch.instance_id = sealer_.instance_id();
    batch.sequence = sealer_.next_sequence();
    const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), batch_flows_));
    batch.flows.assign(queue_.begin(), queue_.begin() + count);
    queue_.erase(queue_.begin(), queue_.begin() + count);
    oldest_at_ = SteadyClock::now();
    is_sending_ = true;
    const std::shared_ptr<const Keyring> keys = keys_;
    lock.unlock();

    const auto frame = sealer_.seal(*keys, clock_.wall_ms(), encode_batch(batch));
    const bool sent = frame.ok() && push(*frame);

    lock.lock();
    is_sending_ = false;
    if (sent) {
      ++counters_.batches_sent;
      counters_.flows_sent += batch.flows.size();
      counters_.bytes_sent += frame->size();
    } else {
      ++counters_.batches_shed;
      counters_.flows_shed += batch.flows.size();
    }
    wake_.notify_all();
  }

  bool push(const std::string& frame) {
    try {
      if (link_.socket.send(zmq::buffer(frame), zmq::send_flags::dontwait)) return true;
      zmq::pollitem_t item{link_.socket.handle(), 0, ZMQ_POLLOUT, 0};
      if (zmq::poll(&item, 1, milliseconds(kSendWaitMs)) == 0) return false;
      return link_.socket.send(zmq::buffer(frame), zmq::send_flags::dontwait).has_value();
    } catch (const zmq::error_t& error) {
      base::log_warn("could not hand a batch of flows over", {{"problem", error.what()}});
      return false;
    }
  }

  const std::string sniffer_;
  const base::Clock& clock_;
  BatchSealer sealer_;  // The thread's alone; only its instance_id never changes.
  std::unique_ptr<zmq::context_t> context_;
  Link link_;  // The thread's alone.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_, all of them.
  std::optional<Link> next_link_;
  std::shared_ptr<const Keyring> keys_;  // Shared with the thread while it seals.
  std::deque<flow::FlowRecord> queue_;
  SteadyClock::time_point oldest_at_;
  std::size_t batch_flows_;
  milliseconds batch_wait_;
  FlowSenderCounters counters_;
  int draining_ = 0;
  bool is_sending_ = false;
  bool stopping_ = false;
  std::thread thread_;  // Last: it uses all above.
};

}  // namespace

base::Result<std::unique_ptr<FlowSender>> FlowSender::start(const FlowSenderOptions& options,
                                                            const base::Clock& clock) {
  const base::Status named = base::check_component_name(options.sniffer);
  if (!named.ok()) return named.error();
  const base::Status batching = check_batching(options.batch_flows, options.batch_wait);
  if (!batching.ok()) return batching.error();
  auto context = std::make_unique<zmq::context_t>(1);
  auto link = connect(*context, options.endpoint);
  if (!link.ok()) return link.error();
  return std::unique_ptr<FlowSender>(
      std::make_unique<FlowSenderImpl>(options, clock, std::move(context), std::move(*link)));
}

}  // namespace mlguard::pipeline
