#include "idle_agents.h"

#include <sys/epoll.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "base/unique_fd.h"
#include "support/http.h"
#include "support/sealed_client.h"
#include "support/wait_until.h"

namespace mlguard::e2e {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

constexpr std::size_t kThreads = 8;

}  // namespace

Status IdleAgents::call(Agent& agent, const std::string& method, const std::string& target,
                        const std::string& body) {
  const auto request = agent.channel->seal(method, target, wire::Message{{}, body});
  if (!request) return request.error();
  if (!agent.connection->send(support::sealed_http(method, target, request->sealed))) {
    return Error(ErrorCode::unavailable, agent.name + ": the server closed");
  }
  const support::HttpReply reply = support::read_reply(*agent.connection, support::kHttpTimeoutMs);
  const auto opened = support::open_reply(*agent.channel, request->counter, reply);
  if (!opened) return opened.error();
  if (reply.status == 200) return {};
  return Error(ErrorCode::internal, agent.name + ": " + target + ": " + opened->body);
}

Status IdleAgents::connect_one(Agent& agent, const wire::JoinToken& token) {
  agent.connection = support::TcpClient::connect(port_);
  if (!agent.connection) return Error(ErrorCode::unavailable, "nobody listens");
  auto channel =
      support::handshake(*agent.connection, support::identity_of(token, wire::KeyPair::generate()),
                         "{\"token_id\":\"" + token.token_id +
                             "\",\"client\":\"idle\",\"name\":\"" + agent.name + "\"}");
  if (!channel) return channel.error();
  agent.channel.emplace(std::move(*channel));
  if (Status enrolled = call(agent, "POST", "/v1/enrol", ""); !enrolled) return enrolled;
  return call(
      agent, "POST", "/register",
      "{\"component\":\"" + agent.name + "\",\"instance_id\":\"one\",\"version\":\"0.1.0\"}");
}

Status IdleAgents::connect(std::size_t count, const std::vector<wire::JoinToken>& tokens,
                           std::size_t uses_per_token) {
  agents_.resize(count);
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  Status first;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      agents_[i].name = "sniffer-" + std::to_string(i + 1);
      const Status one = connect_one(agents_[i], tokens[i / uses_per_token]);
      if (one) continue;
      const std::lock_guard lock(mutex);
      if (first) first = one.error();
      next = count;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  return first;
}

Status IdleAgents::poll_all(std::uint64_t revision, int wait_s) {
  bool global = false;
  for (Agent& agent : agents_) {
    const std::string watched = global ? "config/global" : "config/" + agent.name;
    global = !global;
    const std::string target = "/v1/watch?after=" + std::to_string(revision) +
                               "&resource=" + watched + "&wait=" + std::to_string(wait_s) + "s";
    const auto request = agent.channel->seal("GET", target, {});
    if (!request) return request.error();
    if (!agent.connection->send(support::sealed_http("GET", target, request->sealed))) {
      return Error(ErrorCode::unavailable, agent.name + ": the server closed");
    }
    agent.counter = request->counter;
    agent.waiting = true;
  }
  return {};
}

Status IdleAgents::take_one(Agent& agent) {
  const support::HttpReply reply = support::read_reply(*agent.connection, support::kHttpTimeoutMs);
  agent.waiting = false;
  const auto opened = support::open_reply(*agent.channel, agent.counter, reply);
  if (!opened) return opened.error();
  if (reply.status == 200) return {};
  return Error(ErrorCode::internal,
               agent.name + " got " + std::to_string(reply.status) + ": " + opened->body);
}

base::Result<std::size_t> IdleAgents::take_answers(std::size_t wanted, std::int64_t timeout_ms) {
  const base::UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    if (!agents_[i].waiting) continue;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.u64 = i;
    epoll_ctl(epoll.get(), EPOLL_CTL_ADD, agents_[i].connection->fd(), &event);
  }
  const support::Stopwatch watch;
  std::size_t taken = 0;
  while (taken < wanted && watch.ms() < static_cast<double>(timeout_ms)) {
    epoll_event events[256];
    const int left_ms = static_cast<int>(static_cast<double>(timeout_ms) - watch.ms());
    const int count = epoll_wait(epoll.get(), events, 256, std::max(left_ms, 0));
    for (int i = 0; i < count; ++i) {
      if (Status one = take_one(agents_[events[i].data.u64]); !one) return one.error();
      ++taken;
    }
  }
  return taken;
}

Status IdleAgents::heartbeat(std::size_t index) {
  Agent& agent = agents_[index];
  ++agent.beats;
  return call(agent, "POST", "/heartbeat",
              "{\"component\":\"" + agent.name + "\",\"instance_id\":\"one\",\"seq\":" +
                  std::to_string(agent.beats) + ",\"status\":\"ok\"}");
}

std::size_t IdleAgents::waiting() const {
  std::size_t count = 0;
  for (const Agent& agent : agents_) count += agent.waiting ? 1u : 0u;
  return count;
}

}  // namespace mlguard::e2e
