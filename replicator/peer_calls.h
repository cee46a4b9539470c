// PeerCalls: requests of this instance to another one (clients' requests that only the leader may
// handle, above all), by a few threads with connections of their own.
//
// Threads: any; `done` is called on one of the pool's threads.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "replicator/peer_channel.h"
#include "replicator/types.h"

namespace mlguard::replicator {

inline constexpr std::size_t kPeerCallThreads = 16;
inline constexpr std::size_t kPeerCallsQueuedMax = 20'000;

struct PeerCall {
  NodeId peer;
  std::string method = "POST";
  std::string target;
  wire::Message message;
  std::chrono::milliseconds patience{10'000};
  Repeat repeat = Repeat::forbidden;
  std::function<void(base::Result<PeerChannel::Reply>)> done;
};

class PeerCalls {
 public:
  // `identity` must outlive it.
  explicit PeerCalls(const PeerIdentity& identity, std::size_t threads = kPeerCallThreads);
  ~PeerCalls();
  PeerCalls(const PeerCalls&) = delete;
  PeerCalls& operator=(const PeerCalls&) = delete;

  // resource_exhausted / "busy" in `done`, at once, when too many wait.
  void call(PeerCall call);
  // Breaks off what is under way; everybody gets an answer. Idempotent.
  void stop();

 private:
  struct Worker {
    std::map<NodeId, std::unique_ptr<PeerChannel>> channels;  // Added to under mutex_.
    std::thread thread;
  };
  void run(Worker& worker);
  base::Result<PeerChannel::Reply> perform(Worker& worker, const PeerCall& call);
  PeerChannel* channel_to(Worker& worker, const NodeId& peer);

  const PeerIdentity& identity_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<PeerCall> queue_;  // Guarded by mutex_.
  bool stopping_ = false;       // Guarded by mutex_.
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace mlguard::replicator
