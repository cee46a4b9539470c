// ShippingThread: --ship-to. While this instance leads, a thread writes what is committed into the
// folder (replicator/segment_writer.h); when it does not, another does. It reads the store beside
// everything else and never holds it up.
//
// Threads: status() from any. The destructor closes the open segment, however young, and waits.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "replicator/replicator.h"
#include "replicator/segment_writer.h"
#include "wire/credentials.h"

namespace mlguard::server {

inline constexpr std::int64_t kShipStepMs = 250;

struct ShippingOptions {
  std::string folder;    // --ship-to
  std::string data_dir;  // Of this instance: a snapshot stands here in clear for a while.
};

class ShippingThread {
 public:
  // io, corrupt: the log cannot be opened beside the store. `replica` must outlive it.
  static base::Result<std::unique_ptr<ShippingThread>> start(const ShippingOptions& options,
                                                             const wire::ClusterKey& cluster,
                                                             replicator::Replicator& replica,
                                                             const base::Clock& clock);
  ~ShippingThread();
  ShippingThread(const ShippingThread&) = delete;
  ShippingThread& operator=(const ShippingThread&) = delete;

  replicator::ShipStatus status() const;

 private:
  class Source;
  ShippingThread(const ShippingOptions& options, const wire::ClusterKey& cluster,
                 replicator::Replicator& replica, std::unique_ptr<Source> source,
                 const base::Clock& clock);
  void run();
  bool may_ship();

  replicator::Replicator& replica_;
  const base::Clock& clock_;
  std::unique_ptr<Source> source_;
  replicator::SegmentShipper shipper_;  // The thread's own.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  replicator::ShipStatus status_;  // Guarded by mutex_.
  bool stopping_ = false;          // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace mlguard::server
