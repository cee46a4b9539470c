#include "connection_pool.h"

#include <utility>

namespace mlguard::etcd_client {

ConnectionPool::ConnectionPool(std::vector<wire::Endpoint> endpoints) {
  slots_.reserve(endpoints.size());
  for (wire::Endpoint& endpoint : endpoints) slots_.push_back({std::move(endpoint), {}, {}});
}

ConnectionPool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      endpoint_(other.endpoint_),
      connection_(other.connection_),
      reusable_(other.reusable_) {}

ConnectionPool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->give_back(endpoint_, connection_, reusable_);
}

ConnectionPool::Lease ConnectionPool::lease(std::size_t endpoint) {
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_[endpoint];
  if (slot.idle.empty()) {
    slot.leased.push_front(wire::make_http_connection(slot.endpoint));
  } else {
    slot.leased.splice(slot.leased.begin(), slot.idle, slot.idle.begin());
  }
  if (stopped_) slot.leased.front()->stop();
  return {*this, endpoint, slot.leased.begin()};
}

void ConnectionPool::give_back(std::size_t endpoint, Connections::iterator connection,
                               bool reusable) {
  Connections closing;  // Closed after the lock is gone.
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_[endpoint];
  if (!reusable || stopped_) {
    closing.splice(closing.begin(), slot.leased, connection);
    return;
  }
  slot.idle.splice(slot.idle.begin(), slot.leased, connection);
  if (slot.idle.size() > kIdleConnectionsMax) {
    closing.splice(closing.begin(), slot.idle, std::prev(slot.idle.end()));
  }
}

void ConnectionPool::drop_idle(std::size_t endpoint) {
  Connections closing;
  const std::lock_guard lock(mutex_);
  closing.swap(slots_[endpoint].idle);
}

void ConnectionPool::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (Slot& slot : slots_) {
    for (const auto& connection : slot.leased) connection->stop();
  }
}

}  // namespace mlguard::etcd_client
