#include "replicator/peer_link.h"

#include <algorithm>
#include <utility>

#include "replicator/message_codec.h"
#include "wire/api_error.h"

namespace mlguard::replicator {

namespace {

using std::chrono::milliseconds;

constexpr const char* kPeerTarget = "/v1/peer";
constexpr int kStatusOk = 200;
constexpr milliseconds kConnectMax{500};

enum class LaneKind : std::size_t { control, fetch, bulk };

LaneKind lane_of(const Body& body) {
  if (std::holds_alternative<Fetch>(body)) return LaneKind::fetch;
  if (std::holds_alternative<MergeTail>(body)) return LaneKind::bulk;
  if (std::holds_alternative<Probe>(body)) return LaneKind::bulk;
  return LaneKind::control;
}

// How long an answer may take. The leader holds a fetch for five seconds.
milliseconds patience(LaneKind lane) {
  switch (lane) {
    case LaneKind::control: return milliseconds(1'000);
    case LaneKind::fetch: return milliseconds(7'000);
    case LaneKind::bulk: return milliseconds(10'000);
  }
  return milliseconds(1'000);
}

}  // namespace

struct PeerLink::Lane {
  Lane(LaneKind kind_in, const PeerIdentity& identity, const wire::Endpoint& endpoint)
      : kind(kind_in), channel(identity, endpoint) {}

  const LaneKind kind;
  PeerChannel channel;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Message> waiting;  // Guarded by mutex.
  bool stopping = false;        // Guarded by mutex.
  std::thread thread;
};

base::Result<std::unique_ptr<PeerLink>> PeerLink::open(const NodeId& peer, const Parts& parts) {
  base::Result<wire::Endpoint> endpoint = wire::parse_endpoint(peer);
  if (!endpoint) return endpoint.error();
  return std::unique_ptr<PeerLink>(new PeerLink(peer, *endpoint, parts));
}

PeerLink::PeerLink(NodeId peer, const wire::Endpoint& endpoint, const Parts& parts)
    : peer_(std::move(peer)), parts_(parts) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i] = std::make_unique<Lane>(static_cast<LaneKind>(i), parts_.identity, endpoint);
    lanes_[i]->thread = std::thread([this, lane = lanes_[i].get()] { run(*lane); });
  }
}

PeerLink::~PeerLink() {
  for (const auto& lane : lanes_) {
    {
      const std::lock_guard lock(lane->mutex);
      lane->stopping = true;
    }
    lane->channel.stop();
    lane->wake.notify_all();
  }
  for (const auto& lane : lanes_) lane->thread.join();
}

void PeerLink::send(Message message) {
  Lane& lane = *lanes_[static_cast<std::size_t>(lane_of(message.body))];
  {
    const std::lock_guard lock(lane.mutex);
    const std::size_t kind = message.body.index();
    std::erase_if(lane.waiting, [kind](const Message& old) { return old.body.index() == kind; });
    if (lane.waiting.size() >= kLaneQueueMax) lane.waiting.pop_front();
    lane.waiting.push_back(std::move(message));
  }
  lane.wake.notify_one();
}

void PeerLink::run(Lane& lane) {
  std::unique_lock lock(lane.mutex);
  for (;;) {
    lane.wake.wait(lock, [&lane] { return lane.stopping || !lane.waiting.empty(); });
    if (lane.stopping) return;
    const Message message = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    lock.unlock();
    carry(lane, message);
    lock.lock();
  }
}

void PeerLink::carry(Lane& lane, const Message& message) {
  wire::Message sealed = parts_.envelope;
  sealed.body = encode(message);
  const base::Result<PeerChannel::Reply> reply = lane.channel.call(
      "POST", kPeerTarget, sealed, {kConnectMax, patience(lane.kind)}, Repeat::allowed);
  if (!reply) {
    report(&reply.error());
    // Who was connected and cannot be reached now has most likely gone.
    if (reply.error().reason == "no_connection") parts_.listener.lost(peer_);
    return;
  }
  if (reply->status != kStatusOk) {
    const base::Error error = wire::decode_error(reply->status, reply->message.body);
    report(&error);
    return;
  }
  report(nullptr);
  if (reply->message.body.empty()) return;
  base::Result<Message> answer = decode_message(reply->message.body);
  if (!answer) {
    report(&answer.error());
    return;
  }
  parts_.listener.arrived(std::move(*answer));
}

// Tells a change of trouble once, however often it repeats on three lanes.
void PeerLink::report(const base::Error* error) {
  const std::string reason = error == nullptr ? std::string() : error->reason;
  {
    const std::lock_guard lock(trouble_mutex_);
    if (reason == trouble_) return;
    trouble_ = reason;
  }
  parts_.listener.trouble(peer_, error == nullptr ? std::string() : error->message);
}

}  // namespace mlguard::replicator
