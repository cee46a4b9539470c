#include "server/connection_watch.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <poll.h>
#include <sys/socket.h>

#include <ctime>
#include <utility>

namespace mlguard::server {

namespace {

// For a connection over its address's limit to ask, and to be refused in words.
constexpr std::int64_t kRefusedWithinMs = 1'000;

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * 1'000LL + now.tv_nsec / 1'000'000;
}

bool has_callbacks(bufferevent* connection) {
  bufferevent_data_cb read = nullptr;
  bufferevent_data_cb write = nullptr;
  bufferevent_event_cb event = nullptr;
  void* argument = nullptr;
  bufferevent_getcb(connection, &read, &write, &event, &argument);
  return read != nullptr || write != nullptr || event != nullptr;
}

}  // namespace

// evhttp frees a bufferevent by taking its callbacks away and dropping its reference. One that is
// only just being made has none yet.
bool ConnectionWatch::let_go(Watched& watched) {
  const bool held = has_callbacks(watched.connection);
  watched.adopted = watched.adopted || held;
  return watched.adopted && !held;
}

ConnectionWatch::~ConnectionWatch() {
  for (auto& [connection, watched] : watched_) release(*watched);
}

bufferevent* ConnectionWatch::make(event_base* base) {
  // The socket closes with the bufferevent, that is, when the watch has let go too: until then its
  // events are registered, and its number must not be another connection's.
  bufferevent* connection = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  if (connection == nullptr) return nullptr;
  bufferevent_incref(connection);
  auto watched = std::make_unique<Watched>();
  watched->owner = this;
  watched->connection = connection;
  evbuffer_add_cb(bufferevent_get_input(connection), on_input, watched.get());
  evbuffer_add_cb(bufferevent_get_output(connection), on_output, watched.get());
  watched_.emplace(connection, std::move(watched));
  counters_.connections.fetch_add(1, std::memory_order_relaxed);
  counters_.connections_total.fetch_add(1, std::memory_order_relaxed);
  return connection;
}

void ConnectionWatch::on_input(evbuffer* /*buffer*/, const evbuffer_cb_info* info, void* argument) {
  if (info->n_added == 0) return;
  auto& watched = *static_cast<Watched*>(argument);
  ConnectionWatch& self = *watched.owner;
  // Nobody will read this any more.
  if (let_go(watched)) bufferevent_disable(watched.connection, EV_READ);
  self.count_address(watched);
  if (watched.request_since_ms == 0) watched.request_since_ms = now_ms();
  watched.request_bytes += info->n_added;
  self.counters_.bytes_in.fetch_add(info->n_added, std::memory_order_relaxed);
  const std::uint64_t before =
      self.counters_.unhandled_bytes.fetch_add(info->n_added, std::memory_order_relaxed);
  if (before + info->n_added > self.options_.unhandled_bytes_max &&
      watched.request_bytes > kSmallRequestBytesMax) {
    self.cut(watched, self.counters_.cut_memory);
  }
}

void ConnectionWatch::on_output(evbuffer* /*buffer*/, const evbuffer_cb_info* info,
                                void* argument) {
  auto& watched = *static_cast<Watched*>(argument);
  HttpCounters& counters = watched.owner->counters_;
  if (info->n_added > 0) {
    if (watched.answer_since_ms == 0) watched.answer_since_ms = now_ms();
    watched.answer_bytes += info->n_added;
    counters.untaken_bytes.fetch_add(info->n_added, std::memory_order_relaxed);
  }
  if (info->n_deleted > 0) {
    watched.answer_bytes -= info->n_deleted;
    if (watched.answer_bytes == 0) watched.answer_since_ms = 0;
    counters.untaken_bytes.fetch_sub(info->n_deleted, std::memory_order_relaxed);
    counters.bytes_out.fetch_add(info->n_deleted, std::memory_order_relaxed);
  }
}

void ConnectionWatch::request_arrived(bufferevent* connection, std::uint64_t ticket) {
  const auto found = watched_.find(connection);
  if (found == watched_.end()) return;
  Watched& watched = *found->second;
  counters_.unhandled_bytes.fetch_sub(watched.request_bytes, std::memory_order_relaxed);
  watched.request_bytes = 0;
  watched.request_since_ms = 0;
  watched.pending_since_ms = now_ms();
  watched.ticket = ticket;
}

void ConnectionWatch::closing(bufferevent* connection) { closing_.push_back(connection); }

void ConnectionWatch::release_closing() {
  for (bufferevent* connection : std::exchange(closing_, {})) {
    const auto found = watched_.find(connection);
    if (found == watched_.end() || !let_go(*found->second)) continue;
    release(*found->second);
    watched_.erase(found);
  }
}

void ConnectionWatch::request_answered(bufferevent* connection) {
  const auto found = watched_.find(connection);
  if (found != watched_.end()) found->second->pending_since_ms = 0;
}

bool ConnectionWatch::over_address_limit(bufferevent* connection) const {
  const auto found = watched_.find(connection);
  return found != watched_.end() && found->second->over_address_limit;
}

// evhttp gives a bufferevent its socket only after it was made.
void ConnectionWatch::count_address(Watched& watched) {
  const int socket = bufferevent_getfd(watched.connection);
  if (watched.counted_at_ms != 0 || socket < 0) return;
  watched.counted_at_ms = now_ms();
  watched.address = remote_address_key(socket);
  if (watched.address) watched.over_address_limit = !addresses_.add(*watched.address);
}

void ConnectionWatch::cut(Watched& watched, std::atomic<std::uint64_t>& counter) {
  if (watched.cut || let_go(watched)) return;
  watched.cut = true;
  counter.fetch_add(1, std::memory_order_relaxed);
  shutdown(bufferevent_getfd(watched.connection), SHUT_RDWR);
}

void ConnectionWatch::release(Watched& watched) {
  counters_.connections.fetch_sub(1, std::memory_order_relaxed);
  if (watched.address) addresses_.remove(*watched.address);
  counters_.unhandled_bytes.fetch_sub(watched.request_bytes, std::memory_order_relaxed);
  counters_.untaken_bytes.fetch_sub(watched.answer_bytes, std::memory_order_relaxed);
  evbuffer_remove_cb(bufferevent_get_input(watched.connection), on_input, &watched);
  evbuffer_remove_cb(bufferevent_get_output(watched.connection), on_output, &watched);
  bufferevent_decref(watched.connection);
}

void ConnectionWatch::release_closed() {
  for (auto at = watched_.begin(); at != watched_.end();) {
    if (let_go(*at->second)) {
      release(*at->second);
      at = watched_.erase(at);
    } else {
      ++at;
    }
  }
}

void ConnectionWatch::cut_late() {
  const std::int64_t now = now_ms();
  const bool crowded = counters_.untaken_bytes > kUntakenBytesMax;
  const std::int64_t answer_max_ms = crowded ? kSlowAnswerMs : options_.answer_deadline_ms;
  for (auto& [connection, watched] : watched_) {
    count_address(*watched);
    // What asks is told why it is refused; only what says nothing is cut.
    if (watched->over_address_limit && watched->answer_since_ms == 0 &&
        now - watched->counted_at_ms > kRefusedWithinMs) {
      cut(*watched, counters_.cut_address);
    }
    if (watched->request_since_ms != 0 &&
        now - watched->request_since_ms > options_.request_deadline_ms) {
      cut(*watched, counters_.cut_slow_request);
    }
    if (watched->answer_since_ms != 0 && now - watched->answer_since_ms > answer_max_ms) {
      cut(*watched, counters_.cut_slow_answer);
    }
  }
}

// While a request is being handled evhttp does not read, and so does not notice that the client
// has closed its end.
std::vector<std::uint64_t> ConnectionWatch::find_gone() {
  const std::int64_t now = now_ms();
  std::vector<pollfd> sockets;
  std::vector<std::uint64_t> tickets;
  for (const auto& [connection, watched] : watched_) {
    if (watched->pending_since_ms == 0 || now - watched->pending_since_ms < kGoneAfterMs) continue;
    sockets.push_back({bufferevent_getfd(connection), POLLRDHUP, 0});
    tickets.push_back(watched->ticket);
  }
  std::vector<std::uint64_t> gone;
  if (sockets.empty() || poll(sockets.data(), sockets.size(), 0) <= 0) return gone;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    if ((sockets[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) gone.push_back(tickets[i]);
  }
  return gone;
}

bool ConnectionWatch::drained() const {
  for (const auto& [connection, watched] : watched_) {
    if (watched->answer_bytes > 0 && !let_go(*watched)) return false;
  }
  return true;
}

}  // namespace mlguard::server
