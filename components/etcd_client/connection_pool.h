// ConnectionPool: a Client's connections to one endpoint, one for each concurrent caller. A caller
// leases a connection, uses it alone and gives it back; the one used last is leased first, so that
// few stay warm and the others are dropped.
//
// Threads: any; the lock is never held over input or output. The pool outlives its leases.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>

#include "wire/endpoint.h"
#include "wire/http_connection.h"

namespace mlguard::etcd_client {

inline constexpr std::size_t kIdleConnectionsMax = 1024;

class ConnectionPool {
  using Connections = std::list<std::unique_ptr<wire::HttpConnection>>;

 public:
  explicit ConnectionPool(wire::Endpoint endpoint) : endpoint_(std::move(endpoint)) {}

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
    Lease(ConnectionPool& pool, Connections::iterator connection)
        : pool_(&pool), connection_(connection) {}
    ConnectionPool* pool_;
    Connections::iterator connection_;
    bool reusable_ = true;
  };

  const wire::Endpoint& endpoint() const { return endpoint_; }
  Lease lease();
  // Closes the idle connections after a failure: they are most likely broken, too.
  void drop_idle();
  // Breaks off all leased connections, now and from now on.
  void stop();

 private:
  void give_back(Connections::iterator connection, bool reusable);

  const wire::Endpoint endpoint_;
  std::mutex mutex_;  // Guards all below.
  Connections idle_;
  Connections leased_;
  bool stopped_ = false;
};

}  // namespace mlguard::etcd_client
