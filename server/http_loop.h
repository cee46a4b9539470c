// HttpLoop: one event loop of the HttpServer with its thread, evhttp, listening sockets and the
// requests that wait for their answers. Internal to the listener.
//
// Threads: constructed, stopped and destroyed by the HttpServer's owner; everything else happens on
// the loop's own thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "server/answer_queue.h"
#include "server/connection_watch.h"
#include "server/http_server.h"

struct bufferevent;
struct evbuffer;
struct event;
struct event_base;
struct evhttp;
struct evhttp_bound_socket;
struct evhttp_connection;
struct evhttp_request;

namespace mlguard::server {

// Frees libevent's objects by their own functions.
struct EventFree {
  void operator()(event_base* base) const;
  void operator()(evhttp* http) const;
  void operator()(event* event) const;
  void operator()(evbuffer* buffer) const;
};

class HttpLoop {
 public:
  HttpLoop(const HttpOptions& options, HttpCounters& counters, AddressCounts& addresses,
           const HttpHandler& handler, std::vector<base::UniqueFd> listeners);
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  void start();
  void stop_accepting();
  // Asks the loop to end once everything is answered and taken, at `deadline_ms` (monotonic) at the
  // latest; join() waits for it.
  void finish(std::int64_t deadline_ms);
  void join();

 private:
  // A slot is reused; the generation in the ticket tells a late answer from a current one.
  struct Pending {
    evhttp_request* request = nullptr;
    std::uint32_t generation = 0;
  };

  static bufferevent* on_connection(event_base* base, void* self);
  static void on_request(evhttp_request* request, void* self);
  static void on_close(evhttp_connection* connection, void* self);
  static void on_release(int fd, short what, void* self);
  static void on_wake(int fd, short what, void* self);
  static void on_sweep(int fd, short what, void* self);

  void run();
  void handle(evhttp_request* request);
  void send(std::uint64_t ticket, const AnswerQueue::Make& make);
  void send_now(evhttp_request* request, HttpAnswer answer);
  void refuse_crowd(evhttp_request* request);
  void sweep();
  void answer_all_pending();
  void set_listening(bool on);
  std::uint64_t add_pending(evhttp_request* request);
  evhttp_request* take_pending(std::uint64_t ticket);

  const HttpOptions& options_;
  const HttpHandler& handler_;
  HttpCounters& counters_;
  std::vector<base::UniqueFd> listeners_;
  std::shared_ptr<AnswerQueue> queue_;  // Shared with Responders, which may outlive the loop.

  // In this order: evhttp must go before the base, and the watch's references after evhttp.
  std::unique_ptr<event_base, EventFree> base_;
  std::unique_ptr<ConnectionWatch> watch_;
  std::unique_ptr<evhttp, EventFree> http_;
  std::unique_ptr<event, EventFree> wake_event_;
  std::unique_ptr<event, EventFree> sweep_event_;
  std::unique_ptr<event, EventFree> release_event_;
  std::unique_ptr<evbuffer, EventFree> body_;
  std::vector<evhttp_bound_socket*> bound_;  // Owned by http_.
  bool listening_ = true;

  std::vector<Pending> pending_;
  std::vector<std::uint32_t> free_slots_;
  std::size_t pending_count_ = 0;

  std::atomic<bool> accepting_ = true;
  std::atomic<std::int64_t> finish_by_ms_ = 0;  // 0: go on.
  std::thread thread_;
};

}  // namespace mlguard::server
