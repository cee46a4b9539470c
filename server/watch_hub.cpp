#include "server/watch_hub.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace mlguard::server {

namespace {

// Time-outs are looked at no more often than this, so that thousands of waiters with staggered
// deadlines do not wake the thread thousands of times.
constexpr std::int64_t kTimerGrainMs = 50;
// Until the next change tells where the new history is.
constexpr std::uint64_t kNothingRemembered = UINT64_MAX;

}  // namespace

bool resource_matches(std::string_view filter, std::string_view resource) {
  if (filter.empty() || filter == resource) return true;
  return filter.back() == '/' && resource.substr(0, filter.size()) == filter;
}

WatchHub::WatchHub(const base::Clock& clock, std::uint64_t revision)
    : clock_(clock), remembered_from_(revision), newest_(revision) {
  thread_ = std::thread([this] { run(); });
}

WatchHub::~WatchHub() { stop(); }

bool WatchHub::changed_since(const std::string& filter, std::uint64_t seen) const {
  if (seen >= newest_) return false;
  // What happened before our memory begins may have matched: let the caller look again.
  if (seen < remembered_from_) return true;
  const auto exact = last_change_.find(filter);
  if (exact != last_change_.end() && exact->second > seen) return true;
  if (filter.empty()) return true;
  if (filter.back() != '/') return false;
  return std::any_of(last_change_.begin(), last_change_.end(), [&](const auto& entry) {
    return entry.second > seen && resource_matches(filter, entry.first);
  });
}

bool WatchHub::wait(Wait wait) {
  bool at_once = false;
  {
    const std::lock_guard lock(mutex_);
    at_once = stopping_ || changed_since(wait.resource, wait.seen);
    if (!at_once) {
      if (waiters_.size() >= kWaitersMax) return false;
      const Id id = next_id_++;
      Waiter waiter;
      waiter.deadline_ms = clock_.monotonic_ms() + wait.timeout_ms;
      waiter.owner = wait.owner;
      waiter.resource = wait.resource;
      waiter.callback = std::move(wait.callback);
      const bool sooner = by_deadline_.empty() || waiter.deadline_ms < by_deadline_.begin()->first;
      by_resource_[waiter.resource].insert(id);
      if (waiter.owner != nullptr) by_owner_[waiter.owner].insert(id);
      by_deadline_.emplace(waiter.deadline_ms, id);
      waiters_.emplace(id, std::move(waiter));
      if (sooner) wake_.notify_one();
    }
  }
  if (at_once) wait.callback(WakeReason::changed);
  return true;
}

void WatchHub::remember(const base::Change& change) {
  newest_ = std::max(newest_, change.revision);
  if (remembered_from_ == kNothingRemembered) remembered_from_ = change.revision - 1;
  if (last_change_.size() >= kResourcesRememberedMax) {
    last_change_.clear();
    remembered_from_ = change.revision;
  }
  std::uint64_t& last = last_change_[change.resource];
  last = std::max(last, change.revision);
}

void WatchHub::publish(const std::vector<base::Change>& changes) {
  bool somebody = false;
  {
    const std::lock_guard lock(mutex_);
    if (changes.empty()) {
      last_change_.clear();
      remembered_from_ = kNothingRemembered;
      all_changed_ = somebody = true;
    }
    for (const base::Change& change : changes) {
      remember(change);
      if (waiters_.empty()) continue;
      if (changed_.empty() || changed_.back() != change.resource) {
        changed_.push_back(change.resource);
      }
      somebody = true;
    }
  }
  if (somebody) wake_.notify_one();
}

void WatchHub::take(Id id, WakeReason reason, Woken& woken) {
  const auto found = waiters_.find(id);
  if (found == waiters_.end()) return;
  Waiter& waiter = found->second;
  woken.emplace_back(std::move(waiter.callback), reason);
  const auto resource = by_resource_.find(waiter.resource);
  resource->second.erase(id);
  if (resource->second.empty()) by_resource_.erase(resource);
  if (waiter.owner != nullptr) {
    const auto owner = by_owner_.find(waiter.owner);
    owner->second.erase(id);
    if (owner->second.empty()) by_owner_.erase(owner);
  }
  const auto [first, last] = by_deadline_.equal_range(waiter.deadline_ms);
  const auto timer = std::find_if(first, last, [id](const auto& at) { return at.second == id; });
  if (timer != last) by_deadline_.erase(timer);
  waiters_.erase(found);
}

// Filters are exact names or prefixes that end at a '/', so only those are looked up, not every
// waiter.
void WatchHub::take_matching(const std::string& resource, Woken& woken) {
  std::vector<std::string> filters = {"", resource};
  for (std::size_t at = resource.find('/'); at != std::string::npos;
       at = resource.find('/', at + 1)) {
    filters.push_back(resource.substr(0, at + 1));
  }
  for (const std::string& filter : filters) {
    const auto found = by_resource_.find(filter);
    if (found == by_resource_.end()) continue;
    const std::vector<Id> ids(found->second.begin(), found->second.end());
    for (const Id id : ids) take(id, WakeReason::changed, woken);
  }
}

void WatchHub::end_of(const void* owner) {
  const std::lock_guard lock(mutex_);
  const auto found = by_owner_.find(owner);
  if (found == by_owner_.end()) return;
  const std::vector<Id> ids(found->second.begin(), found->second.end());
  for (const Id id : ids) take(id, WakeReason::ended, ready_);
  wake_.notify_one();
}

void WatchHub::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::size_t WatchHub::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiters_.size();
}

void WatchHub::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    Woken woken = std::exchange(ready_, {});
    for (const std::string& resource : std::exchange(changed_, {})) take_matching(resource, woken);
    if (std::exchange(all_changed_, false)) {
      while (!waiters_.empty()) take(waiters_.begin()->first, WakeReason::changed, woken);
    }
    const std::int64_t now = clock_.monotonic_ms();
    while (!by_deadline_.empty() && by_deadline_.begin()->first <= now + kTimerGrainMs / 2) {
      take(by_deadline_.begin()->second, WakeReason::timed_out, woken);
    }
    const bool last_round = stopping_;
    while (last_round && !waiters_.empty()) {
      take(waiters_.begin()->first, WakeReason::stopping, woken);
    }
    if (!woken.empty()) {
      lock.unlock();
      for (auto& [callback, reason] : woken) callback(reason);
      woken.clear();
      lock.lock();
      continue;
    }
    if (last_round) return;
    if (by_deadline_.empty()) {
      wake_.wait(lock);
    } else {
      const std::int64_t left = by_deadline_.begin()->first - now;
      wake_.wait_for(lock, std::chrono::milliseconds(std::max(left, kTimerGrainMs)));
    }
  }
}

}  // namespace mlguard::server
