#include "replicator/peer_calls.h"

#include <utility>

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using std::chrono::milliseconds;

constexpr milliseconds kConnectMax{500};

Error stopping_error() {
  return {ErrorCode::unavailable, "shutting_down",
          "the server is shutting down; retry at another, or later"};
}

}  // namespace

PeerCalls::PeerCalls(const PeerIdentity& identity, std::size_t threads) : identity_(identity) {
  for (std::size_t i = 0; i < threads; ++i) {
    workers_.push_back(std::make_unique<Worker>());
    workers_.back()->thread = std::thread([this, worker = workers_.back().get()] { run(*worker); });
  }
}

PeerCalls::~PeerCalls() { stop(); }

void PeerCalls::call(PeerCall call) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && queue_.size() < kPeerCallsQueuedMax) {
      queue_.push_back(std::move(call));
      wake_.notify_one();
      return;
    }
  }
  call.done(Error{ErrorCode::unavailable, "busy",
                  "too many requests wait for the leader: try again in a moment"});
}

void PeerCalls::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& worker : workers_) {
      for (const auto& [peer, channel] : worker->channels) channel->stop();
    }
  }
  wake_.notify_all();
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
  for (const PeerCall& call : std::exchange(queue_, {})) call.done(stopping_error());
}

void PeerCalls::run(Worker& worker) {
  for (;;) {
    PeerCall call;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      call = std::move(queue_.front());
      queue_.pop_front();
    }
    call.done(perform(worker, call));
  }
}

Result<PeerChannel::Reply> PeerCalls::perform(Worker& worker, const PeerCall& call) {
  PeerChannel* channel = channel_to(worker, call.peer);
  if (channel == nullptr) {
    return Error{ErrorCode::invalid_argument, "invalid_endpoint",
                 "the address '" + call.peer + "' cannot be used"};
  }
  return channel->call(call.method, call.target, call.message, {kConnectMax, call.patience},
                       call.repeat);
}

PeerChannel* PeerCalls::channel_to(Worker& worker, const NodeId& peer) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<PeerChannel>& channel = worker.channels[peer];
  if (channel == nullptr) {
    const Result<wire::Endpoint> endpoint = wire::parse_endpoint(peer);
    if (!endpoint) return nullptr;
    channel = std::make_unique<PeerChannel>(identity_, *endpoint);
    if (stopping_) channel->stop();
  }
  return channel.get();
}

}  // namespace mlguard::replicator
