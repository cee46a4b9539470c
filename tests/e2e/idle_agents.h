// IdleAgents: thousands of enrolled, registered agents in one process, each with a key, a session
// and a connection of its own, waiting in a sealed long poll. Light: no thread and no buffer each.
// Not for sharing between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "support/tcp.h"
#include "wire/channel.h"
#include "wire/credentials.h"

namespace mlguard::e2e {

class IdleAgents {
 public:
  explicit IdleAgents(std::uint16_t port) : port_(port) {}

  // `count` agents "sniffer-1" … enrol with the tokens (each good for `uses_per_token`), register
  // and stay connected. Several threads share the work.
  base::Status connect(std::size_t count, const std::vector<wire::JoinToken>& tokens,
                       std::size_t uses_per_token);
  // All of them wait for changes after `revision`: every other one of its own configuration, the
  // rest of the global one.
  base::Status poll_all(std::uint64_t revision, int wait_s);
  // Takes what has been answered, for at most `timeout_ms` or until `wanted` answers are there.
  // Every answer must open and be a 200; the first that is not is the error.
  base::Result<std::size_t> take_answers(std::size_t wanted, std::int64_t timeout_ms);
  // One sealed heartbeat of agent `index` on its own connection. REQUIRES: it is not in a poll.
  base::Status heartbeat(std::size_t index);

  std::size_t waiting() const;

 private:
  struct Agent {
    std::string name;
    std::optional<support::TcpClient> connection;
    std::optional<wire::ClientChannel> channel;
    std::uint64_t counter = 0;
    std::uint64_t beats = 0;
    bool waiting = false;
  };

  base::Status connect_one(Agent& agent, const wire::JoinToken& token);
  base::Status call(Agent& agent, const std::string& method, const std::string& target,
                    const std::string& body);
  base::Status take_one(Agent& agent);

  std::uint16_t port_;
  std::vector<Agent> agents_;
};

}  // namespace mlguard::e2e
