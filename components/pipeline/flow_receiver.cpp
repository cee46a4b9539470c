#include "pipeline/flow_receiver.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>
#include <variant>
#include <zmq.hpp>

#include "base/unique_fd.h"
#include "pipeline/pipe_endpoint.h"

namespace mlguard::pipeline {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

base::Result<zmq::socket_t> bind_socket(zmq::context_t& context, const std::string& endpoint) {
  const base::Status checked = check_pipe_endpoint(endpoint);
  if (!checked.ok()) return checked.error();
  try {
    zmq::socket_t socket(context, zmq::socket_type::pull);
    socket.set(zmq::sockopt::rcvhwm, kReceiveQueueBatches);
    socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(kFrameBytesMax));
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::ipv6, true);
    socket.bind(endpoint);
    return socket;
  } catch (const zmq::error_t& error) {
    return pipe_error(endpoint, error.what());
  }
}

base::Error stopped() {
  return {base::ErrorCode::unavailable, "stopped", "the receiver was stopped"};
}

class FlowReceiverImpl final : public FlowReceiver {
 public:
  FlowReceiverImpl(const FlowReceiverOptions& options, const base::Clock& clock,
                   base::UniqueFd stop_event, std::unique_ptr<zmq::context_t> context,
                   zmq::socket_t socket)
      : clock_(clock),
        stop_event_(std::move(stop_event)),
        context_(std::move(context)),
        socket_(std::move(socket)),
        opener_(options.senders_max),
        keys_(std::make_shared<const Keyring>()),
        endpoint_(socket_.get(zmq::sockopt::last_endpoint)) {}

  base::Result<std::optional<FlowBatch>> receive(milliseconds timeout) override {
    const auto deadline = SteadyClock::now() + timeout;
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now());
      const bool is_last = left <= milliseconds(0);
      auto ready = wait(std::max(left, milliseconds(0)));
      if (!ready.ok()) return ready.error();
      if (*ready) {
        auto batch = take();
        if (batch) return batch;
      }
      if (is_last) return std::optional<FlowBatch>();
    }
  }

  void stop() override {
    const std::uint64_t one = 1;
    // Fails only when it was signalled 2^64 - 1 times already.
    [[maybe_unused]] const auto written = ::write(stop_event_.get(), &one, sizeof one);
  }

  base::Status rebind(const std::string& endpoint) override {
    auto socket = bind_socket(*context_, endpoint);
    if (!socket.ok()) return socket.error();
    socket_ = std::move(*socket);
    const std::lock_guard lock(mutex_);
    endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
    return {};
  }

  base::Status set_keys(const std::vector<base::PipelineKey>& keys) override {
    auto ring = Keyring::of(keys);
    if (!ring.ok()) return ring.error();
    auto shared = std::make_shared<const Keyring>(std::move(*ring));
    const std::lock_guard lock(mutex_);
    keys_ = std::move(shared);
    return {};
  }

  FlowReceiverCounters counters() const override {
    const std::lock_guard lock(mutex_);
    return counters_;
  }

  std::string endpoint() const override {
    const std::lock_guard lock(mutex_);
    return endpoint_;
  }

 private:
  // Whether a frame is there.
  base::Result<bool> wait(milliseconds timeout) {
    zmq::pollitem_t items[] = {{socket_.handle(), 0, ZMQ_POLLIN, 0},
                               {nullptr, stop_event_.get(), ZMQ_POLLIN, 0}};
    try {
      zmq::poll(items, 2, timeout);
    } catch (const zmq::error_t& error) {
      if (error.num() == EINTR) return false;
      return base::Error{base::ErrorCode::io, "endpoint", error.what()};
    }
    if (items[1].revents != 0) return stopped();
    return items[0].revents != 0;
  }

  // One frame; nothing when it was refused.
  std::optional<FlowBatch> take() {
    zmq::message_t message;
    bool is_whole = true;
    try {
      if (!socket_.recv(message, zmq::recv_flags::dontwait)) return std::nullopt;
      // Only a stranger sends more than one part.
      while (message.more()) {
        is_whole = false;
        if (!socket_.recv(message, zmq::recv_flags::dontwait)) break;
      }
    } catch (const zmq::error_t&) {
      return std::nullopt;
    }
    if (!is_whole) return refuse(Refusal::malformed, {});
    const std::string_view frame(static_cast<const char*>(message.data()), message.size());
    auto opened = opener_.open(*keys(), clock_.wall_ms(), frame);
    if (const Refusal* reason = std::get_if<Refusal>(&opened)) return refuse(*reason, {});
    return read(std::get<OpenedBatch>(opened), frame.size());
  }

  std::optional<FlowBatch> read(const OpenedBatch& opened, std::size_t frame_bytes) {
    auto batch = decode_batch(opened.batch);
    if (!batch.ok()) return refuse(Refusal::bad_batch, batch.error().message);
    if (batch->instance_id != opened.instance_id || batch->sequence != opened.sequence) {
      return refuse(Refusal::bad_batch, "a batch's instance_id or sequence is not its frame's");
    }
    const std::lock_guard lock(mutex_);
    ++counters_.batches;
    counters_.flows += batch->flows.size();
    counters_.bytes += frame_bytes;
    counters_.senders = opener_.senders();
    return std::move(*batch);
  }

  std::nullopt_t refuse(Refusal reason, const std::string& problem) {
    const std::lock_guard lock(mutex_);
    ++counters_.refused[static_cast<std::size_t>(reason)];
    if (!problem.empty()) counters_.last_problem = problem;
    return std::nullopt;
  }

  std::shared_ptr<const Keyring> keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
  }

  const base::Clock& clock_;
  const base::UniqueFd stop_event_;
  std::unique_ptr<zmq::context_t> context_;
  zmq::socket_t socket_;  // The receiving thread's alone, as the opener.
  BatchOpener opener_;
  mutable std::mutex mutex_;
  // Guarded by mutex_, all of them.
  std::shared_ptr<const Keyring> keys_;  // Shared with receive() while it opens a frame.
  FlowReceiverCounters counters_;
  std::string endpoint_;
};

}  // namespace

base::Result<std::unique_ptr<FlowReceiver>> FlowReceiver::bind(const FlowReceiverOptions& options,
                                                               const base::Clock& clock) {
  base::UniqueFd stop_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_event.valid()) {
    return base::Error{base::ErrorCode::io, "eventfd", std::strerror(errno)};
  }
  auto context = std::make_unique<zmq::context_t>(1);
  auto socket = bind_socket(*context, options.endpoint);
  if (!socket.ok()) return socket.error();
  return std::unique_ptr<FlowReceiver>(std::make_unique<FlowReceiverImpl>(
      options, clock, std::move(stop_event), std::move(context), std::move(*socket)));
}

}  // namespace mlguard::pipeline
