#include "db/watch_list.h"

#include <utility>

namespace mlguard::db {

class WatchList::Handle final : public Watch {
 public:
  Handle(WatchList& list, std::uint64_t id) : list_(list), id_(id) {}
  ~Handle() override { list_.remove(id_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

 private:
  WatchList& list_;
  const std::uint64_t id_;
};

std::unique_ptr<Watch> WatchList::add(WatchCallback callback) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = next_id_++;
  callbacks_.emplace(id, std::make_shared<WatchCallback>(std::move(callback)));
  return std::make_unique<Handle>(*this, id);
}

void WatchList::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  callbacks_.erase(id);
}

void WatchList::publish(const std::vector<base::Change>& changes) {
  const std::lock_guard lock(mutex_);
  // By id and not by iterator: a callback may add and end watches.
  for (auto next = callbacks_.begin(); next != callbacks_.end();) {
    const std::uint64_t id = next->first;
    const std::shared_ptr<WatchCallback> callback = next->second;
    (*callback)(changes);
    next = callbacks_.upper_bound(id);
  }
}

}  // namespace mlguard::db
