// Delivery: takes what the queue holds to the control plane, rules first. What cannot be delivered
// now is tried again, with pauses that grow to kDeliveryPauseMax; what is refused for good is
// offered again item by item, so that one bad item holds up nobody.
//
// Threads: run() in one thread, until stop(); wake(), stop() and problem() from any.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "etcd_client/client.h"
#include "ml_detector/outbox.h"

namespace mlguard::ml_detector {

inline constexpr std::chrono::milliseconds kDeliveryPauseFirst{100};
inline constexpr std::chrono::milliseconds kDeliveryPauseMax{5'000};

enum class Delivered {
  yes,
  later,    // nobody answered, or not now: the same again
  refused,  // never: as it is, it will not be taken
};
// Of a status and body as the server answers a batch.
Delivered outcome_of(int status, std::string_view body);

class Delivery {
 public:
  using Send =
      std::function<base::Result<etcd_client::RawResponse>(const etcd_client::RawRequest& request)>;

  // The queue and the clock must outlive it.
  Delivery(Outbox& outbox, const base::Clock& clock, Send send);

  void run();
  // Something was added.
  void wake();
  void stop();

  // One batch of each kind, if there is one. `yes` when something was delivered or refused (so
  // that there may be more), `later` when something waits, `refused` never.
  // Nothing there: std::nullopt.
  std::optional<Delivered> step();
  // Why the last batch of either kind was not taken; empty when both were.
  std::string problem() const;

 private:
  std::optional<Delivered> deliver(ItemKind kind);
  void tell(ItemKind kind, const std::string& problem);

  Outbox& outbox_;
  const base::Clock& clock_;
  const Send send_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_, as the next
  bool woken_ = false;
  std::array<std::string, 2> problems_;  // by ItemKind
};

}  // namespace mlguard::ml_detector
