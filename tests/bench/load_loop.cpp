#include "bench/load_loop.h"

#include <sys/epoll.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <utility>

namespace mlguard::bench {

namespace {

constexpr int kEventsAtOnce = 256;

}  // namespace

base::Result<Client> open_client(const Side& side, const wire::Endpoint& endpoint,
                                 std::size_t number) {
  auto connection = Connection::open(endpoint);
  if (!connection.ok()) return std::move(connection).error();
  auto protocol = side.open(endpoint);
  if (!protocol.ok()) return std::move(protocol).error();
  return Client{number, std::move(*connection), std::move(*protocol), {}, 0, {}, false, false};
}

void LoadResult::fail(const base::Error& error) {
  if (errors++ == 0) first_error = error.message;
}

void LoadResult::merge(const LoadResult& other) {
  latencies.merge(other.latencies);
  if (errors == 0) first_error = other.first_error;
  errors += other.errors;
}

LoadLoop::LoadLoop(std::vector<Client> clients)
    : clients_(std::move(clients)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  for (Client& client : clients_) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &client;
    [[maybe_unused]] const int added =
        epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, client.connection.fd(), &event);
    assert(added == 0);
  }
}

LoadResult LoadLoop::run(const NextRequest& next, const Window& window) {
  next_ = &next;
  window_ = window;
  result_ = {};
  working_ = 0;
  for (Client& client : clients_) {
    client.steps = 0;
    ask(client);
  }
  std::array<epoll_event, kEventsAtOnce> events{};
  const int stall_ms = static_cast<int>(kStallMax.count());
  while (working_ > 0 && result_.errors < kLoadErrorsMax) {
    const int ready = epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, stall_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      result_.fail({base::ErrorCode::timeout, "no answer to any client came in time"});
      break;
    }
    for (int i = 0; i < ready; ++i) {
      Client& client = *static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
      const base::Status received = client.connection.receive(client.reader);
      if (!received.ok()) {
        give_up(client, received.error());
      } else if (client.reader.whole()) {
        on_answer(client);
      }
    }
  }
  return std::move(result_);
}

void LoadLoop::on_answer(Client& client) {
  const auto now = SteadyClock::now();
  settle(client);
  const bool closing = client.reader.answer().closing;
  const base::Status accepted = client.protocol->accept(client.reader.answer());
  if (!accepted.ok()) {
    result_.fail(accepted.error());
  } else if (now >= window_.begin && now < window_.end) {
    result_.latencies.add_ns((now - client.sent_at).count());
  }
  const base::Status next = client.reader.next();
  if (!next.ok()) return give_up(client, next.error());
  if (!closing && now < window_.end) ask(client);
}

void LoadLoop::ask(Client& client) {
  if (client.broken) return;
  out_.clear();
  base::Status status = (*next_)(client, out_);
  if (status.ok() && out_.empty()) return;
  client.under_way = true;
  ++working_;
  ++client.steps;
  client.sent_at = SteadyClock::now();
  if (status.ok()) status = client.connection.send(out_);
  if (!status.ok()) give_up(client, status.error());
}

void LoadLoop::settle(Client& client) {
  if (std::exchange(client.under_way, false)) --working_;
}

void LoadLoop::give_up(Client& client, const base::Error& error) {
  settle(client);
  client.broken = true;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client.connection.fd(), nullptr);
  result_.fail(error);
}

}  // namespace mlguard::bench
