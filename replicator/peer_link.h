// PeerLink: carries the core's requests to one peer and its answers back, on three lanes with a
// connection and a thread each, so that a fetch that the leader holds for five seconds keeps up
// neither its pings nor a merge. A lane has one request under way; what waits behind it is the
// newest of each kind only: an older ping or fetch is worth nothing any more.
//
// Threads: send() from any; the listener is called on the lanes' threads. The destructor breaks
// everything off and waits.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "replicator/messages.h"
#include "replicator/peer_channel.h"

namespace mlguard::replicator {

inline constexpr std::size_t kLaneQueueMax = 16;

// What a link tells.
class LinkListener {
 public:
  virtual ~LinkListener() = default;
  virtual void arrived(Message message) = 0;
  // Nothing listens there any more.
  virtual void lost(const NodeId& peer) = 0;
  // For the operator: why the peer cannot be talked to; empty: all is well again.
  virtual void trouble(const NodeId& peer, const std::string& problem) = 0;
};

class PeerLink {
 public:
  struct Parts {
    const PeerIdentity& identity;
    wire::Message envelope;  // The fields that go with every message.
    LinkListener& listener;
  };
  // invalid_argument when `peer` is no address.
  static base::Result<std::unique_ptr<PeerLink>> open(const NodeId& peer, const Parts& parts);
  ~PeerLink();
  PeerLink(const PeerLink&) = delete;
  PeerLink& operator=(const PeerLink&) = delete;

  void send(Message message);

 private:
  struct Lane;
  PeerLink(NodeId peer, const wire::Endpoint& endpoint, const Parts& parts);
  void run(Lane& lane);
  void carry(Lane& lane, const Message& message);
  void report(const base::Error* error);

  const NodeId peer_;
  const Parts parts_;
  std::mutex trouble_mutex_;
  std::string trouble_;  // Guarded by trouble_mutex_: the reason told last.
  std::array<std::unique_ptr<Lane>, 3> lanes_;
};

}  // namespace mlguard::replicator
