// ConnectionWatch: what evhttp does not do for the connections of one event loop. Its timeouts are
// for inactivity only, so a client that sends one byte a second could hold a connection for ever;
// here every unfinished request and every answer not taken has a deadline, and the bytes held for
// all of them a limit, as have the connections of one remote address. A connection over a limit is
// shut down at the socket, and evhttp, seeing the end of the stream, frees it in its own way.
//
// Every bufferevent is kept alive by a reference until evhttp has let go of it (its callbacks are
// then gone). Threads: the owning loop only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "server/address_counts.h"
#include "server/http_server.h"

struct bufferevent;
struct evbuffer;
struct evbuffer_cb_info;
struct event_base;

namespace mlguard::server {

class ConnectionWatch {
 public:
  ConnectionWatch(const HttpOptions& options, HttpCounters& counters, AddressCounts& addresses)
      : options_(options), counters_(counters), addresses_(addresses) {}
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  // A new bufferevent for evhttp, watched. nullptr when memory is short.
  bufferevent* make(event_base* base);
  // A request has arrived whole and is being handled under that ticket.
  void request_arrived(bufferevent* connection, std::uint64_t ticket);
  void request_answered(bufferevent* connection);
  // Its address had as many as it may have when this one came: refuse what it asks.
  bool over_address_limit(bufferevent* connection) const;
  // evhttp is about to let go of it. Call release_closing() soon, but not from within evhttp.
  void closing(bufferevent* connection);
  void release_closing();
  bool full() const { return counters_.connections >= options_.connections_max; }

  // Lets go of closed connections and cuts off those over a deadline. Tickets of requests whose
  // client is gone go to `gone(ticket)`.
  template <class Gone>
  void sweep(Gone gone) {
    release_closed();
    cut_late();
    for (const std::uint64_t ticket : find_gone()) gone(ticket);
  }
  // True when no answer waits to be written.
  bool drained() const;

 private:
  struct Watched {
    ConnectionWatch* owner = nullptr;
    bufferevent* connection = nullptr;
    std::int64_t request_since_ms = 0;  // First byte of an unfinished request; 0: none.
    std::int64_t answer_since_ms = 0;   // Output has been waiting since; 0: there is none.
    std::int64_t pending_since_ms = 0;  // A request is being handled since; 0: none.
    std::uint64_t ticket = 0;           // Of that request.
    std::size_t request_bytes = 0;
    std::size_t answer_bytes = 0;
    bool adopted = false;  // evhttp has set its callbacks.
    bool cut = false;
    std::int64_t counted_at_ms = 0;  // Since then its address is known, and counted if limited.
    std::optional<AddressKey> address;
    bool over_address_limit = false;
  };

  static void on_input(evbuffer* buffer, const evbuffer_cb_info* info, void* watched);
  static void on_output(evbuffer* buffer, const evbuffer_cb_info* info, void* watched);
  static bool let_go(Watched& watched);
  void count_address(Watched& watched);
  void cut(Watched& watched, std::atomic<std::uint64_t>& counter);
  void release(Watched& watched);
  void release_closed();
  void cut_late();
  std::vector<std::uint64_t> find_gone();

  const HttpOptions& options_;
  HttpCounters& counters_;
  AddressCounts& addresses_;
  std::unordered_map<bufferevent*, std::unique_ptr<Watched>> watched_;
  std::vector<bufferevent*> closing_;
};

}  // namespace mlguard::server
