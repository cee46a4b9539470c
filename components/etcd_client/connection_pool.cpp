#include "connection_pool.h"

#include <utility>

namespace mlguard::etcd_client {

ConnectionPool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      connection_(other.connection_),
      reusable_(other.reusable_) {}

ConnectionPool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->give_back(connection_, reusable_);
}

ConnectionPool::Lease ConnectionPool::lease() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) {
    leased_.push_front(wire::make_http_connection(endpoint_));
  } else {
    leased_.splice(leased_.begin(), idle_, idle_.begin());
  }
  if (stopped_) leased_.front()->stop();
  return {*this, leased_.begin()};
}

void ConnectionPool::give_back(Connections::iterator connection, bool reusable) {
  Connections closing;  // Closed after the lock is gone.
  const std::lock_guard lock(mutex_);
  if (!reusable || stopped_) {
    closing.splice(closing.begin(), leased_, connection);
    return;
  }
  idle_.splice(idle_.begin(), leased_, connection);
  if (idle_.size() > kIdleConnectionsMax) {
    closing.splice(closing.begin(), idle_, std::prev(idle_.end()));
  }
}

void ConnectionPool::drop_idle() {
  Connections closing;
  const std::lock_guard lock(mutex_);
  closing.swap(idle_);
}

void ConnectionPool::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& connection : leased_) connection->stop();
}

}  // namespace mlguard::etcd_client
