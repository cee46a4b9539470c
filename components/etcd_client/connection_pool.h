// ConnectionPool: the connections of one Client, one for each concurrent caller. A caller leases a
// connection, uses it alone and gives it back; the one used last is leased first, so that few stay
// warm and the others are dropped.
//
// Threads: any; the lock is never held over input or output. The pool outlives its leases.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "wire/endpoint.h"
#include "wire/http_connection.h"

namespace mlguard::etcd_client {

inline constexpr std::size_t kIdleConnectionsMax = 1024;  // for each endpoint

class ConnectionPool {
  using Connections = std::list<std::unique_ptr<wire::HttpConnection>>;

 public:
  explicit ConnectionPool(std::vector<wire::Endpoint> endpoints);

  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Lease& operator=(Lease&&) = delete;
    ~Lease();  // Gives it back, or closes it after discard().
    wire::HttpConnection& operator*() const { return **connection_; }
    wire::HttpConnection* operator->() const { return connection_->get(); }
    void discard() { reusable_ = false; }

   private:
    friend class ConnectionPool;
    Lease(ConnectionPool& pool, std::size_t endpoint, Connections::iterator connection)
        : pool_(&pool), endpoint_(endpoint), connection_(connection) {}
    ConnectionPool* pool_;
    std::size_t endpoint_;
    Connections::iterator connection_;
    bool reusable_ = true;
  };

  Lease lease(std::size_t endpoint);
  // Closes the idle connections of an endpoint that failed: they are most likely broken, too.
  void drop_idle(std::size_t endpoint);
  // Breaks off all leased connections, now and from now on.
  void stop();

 private:
  struct Slot {
    wire::Endpoint endpoint;
    Connections idle;
    Connections leased;
  };
  void give_back(std::size_t endpoint, Connections::iterator connection, bool reusable);

  std::mutex mutex_;
  std::vector<Slot> slots_;  // Guarded by mutex_.
  bool stopped_ = false;     // Guarded by mutex_.
};

}  // namespace mlguard::etcd_client
