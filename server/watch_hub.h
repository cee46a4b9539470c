// WatchHub: everybody who waits for a change. A long poll says what it has seen and which resource
// it waits for; publish() wakes those whose resource changed, and a timer those whose time is up.
// Who waits costs memory only: nothing polls.
//
// Threads: any. A waiter's callback runs once, on the hub's own thread or on the thread that called
// wait() (when there is something new already), and must not block.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/model.h"

namespace mlguard::server {

inline constexpr std::size_t kWaitersMax = 32'768;
inline constexpr std::size_t kResourcesRememberedMax = 100'000;
inline constexpr std::int64_t kLongPollMsMax = 60'000;

enum class WakeReason { changed, timed_out, ended, stopping };

// "rules" matches itself, "config/" (with the slash) what begins with it, "" everything.
bool resource_matches(std::string_view filter, std::string_view resource);

class WatchHub {
 public:
  using Callback = std::function<void(WakeReason)>;
  struct Wait {
    std::string resource;    // See resource_matches.
    std::uint64_t seen = 0;  // The state's revision that the caller looked at.
    std::int64_t timeout_ms = 0;
    const void* owner = nullptr;  // For end_of(): the session.
    Callback callback;
  };

  WatchHub(const base::Clock& clock, std::uint64_t revision);
  ~WatchHub();
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  // false: too many wait already; the callback will not run.
  bool wait(Wait wait);
  // From the store's watch callback: cheap, wakes the hub's thread. No changes at all mean that
  // anything may be different: everybody looks again.
  void publish(const std::vector<base::Change>& changes);
  // The owner's session has ended.
  void end_of(const void* owner);
  // Wakes everybody; later waits are woken at once.
  void stop();
  std::size_t waiting() const;

 private:
  struct Waiter {
    std::string resource;
    std::int64_t deadline_ms = 0;
    const void* owner = nullptr;
    Callback callback;
  };
  using Id = std::uint64_t;
  using Woken = std::vector<std::pair<Callback, WakeReason>>;

  void run();
  bool changed_since(const std::string& filter, std::uint64_t seen) const;
  void take_matching(const std::string& resource, Woken& woken);
  void take(Id id, WakeReason reason, Woken& woken);
  void remember(const base::Change& change);

  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // All guarded by mutex_.
  bool stopping_ = false;
  Id next_id_ = 1;
  std::unordered_map<Id, Waiter> waiters_;
  std::unordered_map<std::string, std::unordered_set<Id>> by_resource_;
  std::unordered_map<const void*, std::unordered_set<Id>> by_owner_;
  std::multimap<std::int64_t, Id> by_deadline_;
  std::unordered_map<std::string, std::uint64_t> last_change_;  // Resource → revision.
  std::uint64_t remembered_from_ = 0;  // Changes up to here are not in last_change_.
  std::uint64_t newest_ = 0;
  bool all_changed_ = false;          // Published, not yet delivered.
  std::vector<std::string> changed_;  // Published, not yet delivered.
  Woken ready_;                       // Ended or so, not yet called.
  std::thread thread_;
};

}  // namespace mlguard::server
