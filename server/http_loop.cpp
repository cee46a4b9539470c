#include "server/http_loop.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <sys/eventfd.h>

#include <ctime>
#include <string>
#include <string_view>
#include <utility>

namespace mlguard::server {

namespace {

constexpr std::int64_t kLastFlushMs = 100;  // For answers that are given only at the deadline.
constexpr int kCrowdRetryS = 5;
constexpr std::size_t kCopyBelowBytes = 4 * 1024;  // Larger bodies are referenced, not copied.

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000LL + now.tv_nsec / 1'000'000;
}

timeval to_timeval(std::int64_t ms) {
  timeval value{};
  value.tv_sec = ms / 1'000;
  value.tv_usec = static_cast<suseconds_t>((ms % 1'000) * 1'000);
  return value;
}

const char* method_name(evhttp_cmd_type type) {
  switch (type) {
    case EVHTTP_REQ_GET: return "GET";
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_HEAD: return "HEAD";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_DELETE: return "DELETE";
    case EVHTTP_REQ_OPTIONS: return "OPTIONS";
    case EVHTTP_REQ_TRACE: return "TRACE";
    case EVHTTP_REQ_CONNECT: return "CONNECT";
    case EVHTTP_REQ_PATCH: return "PATCH";
  }
  return "UNKNOWN";
}

constexpr std::uint16_t kAllMethods = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                      EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                                      EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH;

std::string header(const evkeyvalq* headers, const char* name) {
  const char* value = evhttp_find_header(headers, name);
  return value == nullptr ? std::string() : std::string(value);
}

PeerAddress peer_of(evhttp_connection* connection) {
  PeerAddress peer;
  char* text = nullptr;
  std::uint16_t port = 0;
  evhttp_connection_get_peer(connection, &text, &port);
  if (text != nullptr) peer.text = text;
  peer.loopback = is_loopback(peer.text);
  return peer;
}

HttpRequest read_request(evhttp_request* raw) {
  HttpRequest request;
  request.method = method_name(evhttp_request_get_command(raw));
  request.target = evhttp_request_get_uri(raw);
  request.peer = peer_of(evhttp_request_get_connection(raw));
  const evkeyvalq* headers = evhttp_request_get_input_headers(raw);
  request.session = header(headers, "X-Session");
  request.seal = header(headers, "X-Seal");
  if (const char* size = evhttp_find_header(headers, "X-Original-Size"); size != nullptr) {
    request.original_size = size;
  }
  evbuffer* input = evhttp_request_get_input_buffer(raw);
  request.body.resize(evbuffer_get_length(input));
  evbuffer_remove(input, request.body.data(), request.body.size());
  return request;
}

void free_string(const void* /*data*/, std::size_t /*size*/, void* text) {
  delete static_cast<std::string*>(text);
}

}  // namespace

void EventFree::operator()(event_base* base) const { event_base_free(base); }
void EventFree::operator()(evhttp* http) const { evhttp_free(http); }
void EventFree::operator()(event* event) const { event_free(event); }
void EventFree::operator()(evbuffer* buffer) const { evbuffer_free(buffer); }

HttpLoop::HttpLoop(const HttpOptions& options, HttpCounters& counters, AddressCounts& addresses,
                   const HttpHandler& handler, std::vector<base::UniqueFd> listeners)
    : options_(options),
      handler_(handler),
      counters_(counters),
      listeners_(std::move(listeners)),
      queue_(std::make_shared<AnswerQueue>()) {
  event_config* config = event_config_new();
  // Saves most epoll_ctl calls: evhttp switches reading off and on again for every request.
  event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base_.reset(event_base_new_with_config(config));
  event_config_free(config);
  watch_ = std::make_unique<ConnectionWatch>(options_, counters_, addresses);
  http_.reset(evhttp_new(base_.get()));
  body_.reset(evbuffer_new());
  evhttp_set_max_headers_size(http_.get(), static_cast<ev_ssize_t>(options_.header_bytes_max));
  evhttp_set_max_body_size(http_.get(), static_cast<ev_ssize_t>(options_.body_bytes_max));
  evhttp_set_allowed_methods(http_.get(), kAllMethods);
  const timeval idle = to_timeval(options_.idle_timeout_ms);
  evhttp_set_timeout_tv(http_.get(), &idle);
  evhttp_set_bevcb(http_.get(), &HttpLoop::on_connection, this);
  evhttp_set_gencb(http_.get(), &HttpLoop::on_request, this);
  wake_event_.reset(
      event_new(base_.get(), queue_->wake_fd(), EV_READ | EV_PERSIST, &HttpLoop::on_wake, this));
  event_add(wake_event_.get(), nullptr);
  sweep_event_.reset(event_new(base_.get(), -1, EV_PERSIST, &HttpLoop::on_sweep, this));
  const timeval period = to_timeval(options_.sweep_ms);
  event_add(sweep_event_.get(), &period);
  release_event_.reset(event_new(base_.get(), -1, 0, &HttpLoop::on_release, this));
  for (base::UniqueFd& fd : listeners_) {
    bound_.push_back(evhttp_accept_socket_with_handle(http_.get(), fd.release()));
  }
}

HttpLoop::~HttpLoop() {
  finish(now_ms());
  join();
  queue_->close();
  // evhttp frees its connections here; their bufferevents stay until the watch lets go.
  http_.reset();
}

void HttpLoop::start() {
  thread_ = std::thread([this] { run(); });
}

void HttpLoop::stop_accepting() { accepting_ = false; }

void HttpLoop::finish(std::int64_t deadline_ms) {
  accepting_ = false;
  std::int64_t none = 0;
  finish_by_ms_.compare_exchange_strong(none, deadline_ms);
  eventfd_write(queue_->wake_fd(), 1);
}

void HttpLoop::join() {
  if (thread_.joinable()) thread_.join();
}

void HttpLoop::run() {
  queue_->own([this](std::uint64_t ticket, const AnswerQueue::Make& make) { send(ticket, make); });
  event_base_dispatch(base_.get());
  queue_->close();
}

bufferevent* HttpLoop::on_connection(event_base* base, void* self) {
  auto& loop = *static_cast<HttpLoop*>(self);
  bufferevent* made = loop.watch_->make(base);
  // At the limit, further connections wait in the kernel's backlog until one ends.
  if (loop.watch_->full()) loop.sweep();
  return made;
}

void HttpLoop::on_close(evhttp_connection* connection, void* self) {
  auto& loop = *static_cast<HttpLoop*>(self);
  loop.watch_->closing(evhttp_connection_get_bufferevent(connection));
  event_active(loop.release_event_.get(), EV_TIMEOUT, 0);
}

void HttpLoop::on_release(int /*fd*/, short /*what*/, void* self) {
  static_cast<HttpLoop*>(self)->watch_->release_closing();
}

void HttpLoop::on_request(evhttp_request* request, void* self) {
  static_cast<HttpLoop*>(self)->handle(request);
}

void HttpLoop::handle(evhttp_request* raw) {
  counters_.requests.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t ticket = add_pending(raw);
  evhttp_connection* connection = evhttp_request_get_connection(raw);
  evhttp_connection_set_closecb(connection, &HttpLoop::on_close, this);
  bufferevent* stream = evhttp_connection_get_bufferevent(connection);
  watch_->request_arrived(stream, ticket);
  if (watch_->over_address_limit(stream)) {
    counters_.cut_address.fetch_add(1, std::memory_order_relaxed);
    return refuse_crowd(take_pending(ticket));
  }
  handler_(read_request(raw), Responder(queue_, ticket));
}

void HttpLoop::refuse_crowd(evhttp_request* request) {
  evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
  send_now(request,
           {.status = 429,
            .body = R"({"status":"error","error":"too_many_connections","message":"your address )"
                    R"(has )" +
                    std::to_string(options_.connections_per_address_max) +
                    R"( connections open here: close some, or raise --connections-per-address )"
                    R"(of etcd-server"})",
            .retry_after_s = kCrowdRetryS});
}

std::uint64_t HttpLoop::add_pending(evhttp_request* request) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(pending_.size()));
    pending_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  pending_[slot].request = request;
  ++pending_count_;
  return (std::uint64_t{++pending_[slot].generation} << 32) | slot;
}

evhttp_request* HttpLoop::take_pending(std::uint64_t ticket) {
  const auto slot = static_cast<std::uint32_t>(ticket);
  Pending& pending = pending_[slot];
  if (pending.generation != static_cast<std::uint32_t>(ticket >> 32)) return nullptr;
  if (pending.request == nullptr) return nullptr;
  free_slots_.push_back(slot);
  --pending_count_;
  return std::exchange(pending.request, nullptr);
}

void HttpLoop::send(std::uint64_t ticket, const AnswerQueue::Make& make) {
  evhttp_request* request = take_pending(ticket);
  if (request != nullptr) send_now(request, make());
}

void HttpLoop::send_now(evhttp_request* request, HttpAnswer answer) {
  evhttp_connection* connection = evhttp_request_get_connection(request);
  if (connection != nullptr) {
    watch_->request_answered(evhttp_connection_get_bufferevent(connection));
  }
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", answer.content_type);
  if (answer.sealed) evhttp_add_header(headers, "X-Sealed", "1");
  if (answer.original_size) {
    evhttp_add_header(headers, "X-Original-Size", std::to_string(*answer.original_size).c_str());
  }
  if (answer.allow != nullptr) evhttp_add_header(headers, "Allow", answer.allow);
  if (answer.retry_after_s > 0) {
    evhttp_add_header(headers, "Retry-After", std::to_string(answer.retry_after_s).c_str());
  }
  if (finish_by_ms_ != 0) evhttp_add_header(headers, "Connection", "close");
  if (answer.body.size() < kCopyBelowBytes) {
    evbuffer_add(body_.get(), answer.body.data(), answer.body.size());
  } else {
    auto* text = new std::string(std::move(answer.body));
    if (evbuffer_add_reference(body_.get(), text->data(), text->size(), free_string, text) != 0) {
      delete text;
    }
  }
  evhttp_send_reply(request, answer.status, nullptr, body_.get());
}

void HttpLoop::on_wake(int /*fd*/, short /*what*/, void* self) {
  auto& loop = *static_cast<HttpLoop*>(self);
  for (AnswerQueue::Item& item : loop.queue_->take()) loop.send(item.ticket, item.make);
  if (loop.finish_by_ms_ != 0) loop.sweep();
}

void HttpLoop::on_sweep(int /*fd*/, short /*what*/, void* self) {
  static_cast<HttpLoop*>(self)->sweep();
}

void HttpLoop::sweep() {
  watch_->sweep([this](std::uint64_t ticket) {
    counters_.gone_while_waiting.fetch_add(1, std::memory_order_relaxed);
    evhttp_request* request = take_pending(ticket);
    if (request == nullptr) return;
    evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
    send_now(request, {.status = 408});
  });
  set_listening(accepting_ && !watch_->full());
  const std::int64_t finish_by = finish_by_ms_;
  if (finish_by == 0) return;
  const bool late = now_ms() >= finish_by;
  if (late) {
    answer_all_pending();
    const timeval flush = to_timeval(kLastFlushMs);
    event_base_loopexit(base_.get(), &flush);
    return;
  }
  if (pending_count_ == 0 && watch_->drained()) {
    event_base_loopexit(base_.get(), nullptr);
    return;
  }
  // Ending: look again soon.
  const timeval soon = to_timeval(10);
  event_add(sweep_event_.get(), &soon);
}

void HttpLoop::answer_all_pending() {
  for (Pending& pending : pending_) {
    evhttp_request* request = std::exchange(pending.request, nullptr);
    if (request == nullptr) continue;
    --pending_count_;
    send_now(request, {.status = 503,
                       .body = R"({"status":"error","error":"shutting_down",)"
                               R"("message":"this server is stopping; retry elsewhere"})"});
  }
}

void HttpLoop::set_listening(bool on) {
  if (on == listening_) return;
  listening_ = on;
  for (evhttp_bound_socket* bound : bound_) {
    evconnlistener* listener = evhttp_bound_socket_get_listener(bound);
    if (on) {
      evconnlistener_enable(listener);
    } else {
      evconnlistener_disable(listener);
    }
  }
}

}  // namespace mlguard::server
