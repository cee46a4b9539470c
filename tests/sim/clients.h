// Simulated clients: each has one operation under way, retries it as a real client does (same
// request id, another node), and records what it learned. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "linearizability.h"
#include "node.h"
#include "oracle.h"
#include "world.h"

namespace mlguard::sim {

class Clients {
 public:
  Clients(Surroundings around, std::size_t count);

  void start();
  // No new operations; those under way end by themselves.
  void stop() { stopped_ = true; }
  bool idle() const;
  // Another client reads every key once, from any node, or beginning with `node`.
  void read_all(const std::string& node = {});
  const std::vector<Operation>& history() const { return history_; }

 private:
  struct Client {
    std::size_t number = 0;
    std::uint64_t serial = 0;  // Of the operation; an answer to an older one is ignored.
    bool busy = false;
    bool once = false;  // Has one operation only.
    Operation operation;
    Command command;
    replicator::Ack ack = replicator::Ack::quorum;
    std::string preferred;
    unsigned unresolved = 0;  // Attempts that may still take effect.
    unsigned attempt = 0;
    std::int64_t give_up_us = 0;
  };

  void next(Client& client);
  void think(Client& client);
  void choose(Client& client);
  void begin(Client& client);
  void try_it(Client& client);
  void try_again(Client& client, std::int64_t delay_us);
  void on_answer(Client& client, std::uint64_t serial, unsigned attempt,
                 const replicator::Answer& answer, const std::string& read);
  void succeed(Client& client, const replicator::Answer& answer, const std::string& read);
  void end(Client& client, std::int64_t returned_us);
  std::string some_node() const;

  Surroundings around_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Operation> history_;
  std::uint64_t next_value_ = 1;
  bool stopped_ = false;
};

}  // namespace mlguard::sim
