// SnapshotFetcher: brings the leader's state here as a file, in pieces over a connection of its
// own, so that a large state keeps nobody up. A piece that does not come is asked for again where
// it broke off; a leader that lost the lead meanwhile has its snapshot thrown away.
//
// Threads: fetch() from any; `done` is called on the fetcher's thread. One fetch at a time: a newer
// one replaces what is under way, which is then never reported.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/unique_fd.h"
#include "replicator/peer_channel.h"
#include "replicator/storage.h"

namespace mlguard::replicator {

inline constexpr std::size_t kSnapshotPieceBytes = 4 * 1024 * 1024;
inline constexpr int kSnapshotPieceTries = 20;

class SnapshotFetcher {
 public:
  using Done = std::function<void(std::uint64_t command_id, base::Result<std::string> path)>;

  // Keeps the file in `folder`, which is made when needed. `identity` must outlive it.
  SnapshotFetcher(const PeerIdentity& identity, std::string folder);
  ~SnapshotFetcher();
  SnapshotFetcher(const SnapshotFetcher&) = delete;
  SnapshotFetcher& operator=(const SnapshotFetcher&) = delete;

  void start(Done done);
  void fetch(std::uint64_t command_id, const FetchSnapshot& what);
  void stop();

 private:
  struct Order {
    std::uint64_t command_id = 0;
    FetchSnapshot what;
  };
  struct Offer {
    std::string id;
    std::uint64_t bytes = 0;
    std::string sha256;
    std::uint64_t revision = 0;
  };

  void run();
  bool current(const Order& order);
  base::Result<std::string> bring(const Order& order);
  base::Result<Offer> ask(const Order& order);
  base::Status copy(const Order& order, const Offer& offer, const std::string& path);
  base::Result<std::string> piece(const Order& order, const Offer& offer, std::uint64_t offset);
  base::Status still_leads(const Order& order);

  const PeerIdentity& identity_;
  const std::string folder_;
  Done done_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Order> next_;             // Guarded by mutex_.
  std::uint64_t current_id_ = 0;          // Guarded by mutex_.
  std::unique_ptr<PeerChannel> channel_;  // Replaced under mutex_; used by the thread.
  bool stopping_ = false;                 // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace mlguard::replicator
