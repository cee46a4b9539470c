#include "clients.h"

#include <algorithm>
#include <utility>

namespace mlguard::sim {
namespace {

constexpr std::size_t kKeys = 4;
constexpr std::size_t kLeaderAckKeys = 2;
constexpr std::int64_t kThinkUsMax = 200'000;
constexpr std::int64_t kAttemptUsMax = 1'500'000;
constexpr std::int64_t kOperationUsMax = 6'000'000;
constexpr std::int64_t kRetryUsMin = 20'000;
constexpr std::int64_t kRetryUsMax = 150'000;
constexpr std::int64_t kWireUsMin = 100;
constexpr std::int64_t kWireUsMax = 2'000;
constexpr unsigned kLostAnswersPermille = 20;
constexpr std::size_t kEnsureValues = 3;

}  // namespace

Clients::Clients(Surroundings around, std::size_t count) : around_(around) {
  for (std::size_t i = 0; i < count; ++i) {
    clients_.push_back(std::make_unique<Client>());
    clients_.back()->number = i;
  }
}

void Clients::start() {
  for (auto& client : clients_) think(*client);
}

bool Clients::idle() const {
  return std::none_of(clients_.begin(), clients_.end(), [](const auto& c) { return c->busy; });
}

void Clients::read_all(const std::string& node) {
  for (std::size_t key = 0; key < kKeys; ++key) {
    clients_.push_back(std::make_unique<Client>());
    Client& client = *clients_.back();
    client.number = clients_.size() - 1;
    client.once = true;
    client.operation.key = "k" + std::to_string(key);
    client.operation.kind = OperationKind::read;
    client.preferred = node;
    begin(client);
  }
}

std::string Clients::some_node() const {
  auto it = around_.nodes.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(around_.random.below(around_.nodes.size())));
  return it->first;
}

void Clients::think(Client& client) {
  around_.events.after(around_.random.between(0, kThinkUsMax), [this, &client] { next(client); });
}

void Clients::next(Client& client) {
  if (stopped_) return;
  choose(client);
  begin(client);
}

void Clients::choose(Client& client) {
  Random& random = around_.random;
  client.operation = {};
  client.command = {};
  Operation& operation = client.operation;
  client.ack = random.chance(15) ? replicator::Ack::leader : replicator::Ack::quorum;
  if (client.ack == replicator::Ack::leader) {
    operation.key = "l" + std::to_string(random.below(kLeaderAckKeys));
    operation.kind = OperationKind::write;
    operation.value = std::to_string(next_value_++);
    client.command = {CommandKind::put, operation.key, operation.value, {}, {}};
    return;
  }
  operation.key = "k" + std::to_string(random.below(kKeys));
  const std::uint64_t dice = random.below(100);
  if (dice < 40) {
    operation.kind = OperationKind::read;
  } else if (dice < 65) {
    operation.kind = OperationKind::write;
    operation.value = std::to_string(next_value_++);
    client.command = {CommandKind::put, operation.key, operation.value, {}, {}};
  } else if (dice < 80) {
    operation.kind = OperationKind::write;
    operation.value = "e" + std::to_string(random.below(kEnsureValues));
    client.command = {CommandKind::ensure, operation.key, operation.value, {}, {}};
  } else {
    operation.kind = OperationKind::compare_and_set;
    operation.value = random.chance(50) ? std::to_string(next_value_++)
                                        : "e" + std::to_string(random.below(kEnsureValues));
    operation.expected = random.chance(30) ? "" : "e" + std::to_string(random.below(kEnsureValues));
    client.command = {
        CommandKind::compare_and_set, operation.key, operation.value, operation.expected, {}};
  }
}

void Clients::begin(Client& client) {
  ++client.serial;
  client.busy = true;
  client.unresolved = 0;
  client.attempt = 0;
  client.operation.called = around_.events.now_us();
  client.give_up_us = around_.events.now_us() + kOperationUsMax;
  client.command.request =
      "c" + std::to_string(client.number) + "-" + std::to_string(client.serial);
  client.operation.label = client.command.request;
  ++around_.oracle.coverage().operations;
  try_it(client);
}

void Clients::try_it(Client& client) {
  if (around_.events.now_us() > client.give_up_us) {
    end(client, kNeverReturned);
    return;
  }
  const std::string to = client.preferred.empty() ? some_node() : client.preferred;
  const std::uint64_t serial = client.serial;
  const unsigned attempt = ++client.attempt;
  ++client.unresolved;
  const auto answered = [this, &client, serial, attempt](const replicator::Answer& answer,
                                                         const std::string& read) {
    if (around_.random.chance_permille(kLostAnswersPermille)) return;
    around_.events.after(around_.random.between(kWireUsMin, kWireUsMax),
                         [this, &client, serial, attempt, answer, read] {
                           on_answer(client, serial, attempt, answer, read);
                         });
  };
  around_.events.after(around_.random.between(kWireUsMin, kWireUsMax),
                       [this, to, answered, kind = client.operation.kind,
                        key = client.operation.key, command = client.command, ack = client.ack] {
                         Node& node = *around_.nodes.at(to);
                         if (kind == OperationKind::read) {
                           node.read(key, answered);
                         } else {
                           node.write(command, ack, answered);
                         }
                       });
  around_.events.after(kAttemptUsMax, [this, &client, serial, attempt] {
    if (!client.busy || client.serial != serial || client.attempt != attempt) return;
    client.preferred.clear();
    try_it(client);
  });
}

void Clients::try_again(Client& client, std::int64_t delay_us) {
  around_.events.after(delay_us, [this, &client, serial = client.serial, at = client.attempt] {
    if (client.busy && client.serial == serial && client.attempt == at) try_it(client);
  });
}

void Clients::on_answer(Client& client, std::uint64_t serial, unsigned attempt,
                        const replicator::Answer& answer, const std::string& read) {
  if (!client.busy || client.serial != serial) return;
  switch (answer.kind) {
    case replicator::AnswerKind::done: succeed(client, answer, read); return;
    case replicator::AnswerKind::unknown: break;
    case replicator::AnswerKind::refused:
      // Another attempt may still succeed: then this refusal says nothing.
      if (client.unresolved == 1) {
        client.operation.succeeded = false;
        end(client, around_.events.now_us());
        return;
      }
      break;
    case replicator::AnswerKind::not_leader:
    case replicator::AnswerKind::busy:
    case replicator::AnswerKind::failed: --client.unresolved; break;
  }
  if (attempt != client.attempt) return;
  const bool elsewhere = answer.kind == replicator::AnswerKind::failed;
  client.preferred = elsewhere ? std::string() : answer.leader;
  try_again(client, around_.random.between(kRetryUsMin, kRetryUsMax));
}

void Clients::succeed(Client& client, const replicator::Answer& answer, const std::string& read) {
  if (client.operation.kind == OperationKind::read) {
    client.operation.value = read;
  } else if (client.ack == replicator::Ack::leader) {
    around_.oracle.note_leader_ack(client.command.request);
  } else {
    around_.oracle.note_quorum_ack(client.command.request, answer.revision, answer.detail);
  }
  client.preferred = answer.leader;
  end(client, around_.events.now_us());
}

void Clients::end(Client& client, std::int64_t returned_us) {
  client.busy = false;
  client.operation.returned = returned_us;
  if (returned_us == kNeverReturned) ++around_.oracle.coverage().unknown_operations;
  if (client.ack == replicator::Ack::quorum) {
    static constexpr const char* kNames[] = {"reads", "writes", "swaps to"};
    Operation& operation = client.operation;
    operation.label += std::string(" ") + kNames[static_cast<std::size_t>(operation.kind)] + " '" +
                       operation.value + "'";
    if (operation.kind == OperationKind::compare_and_set) {
      operation.label +=
          " from '" + operation.expected + (operation.succeeded ? "'" : "', refused");
    }
    operation.label += " " + std::to_string(operation.called / kUsPerMs) + ".." +
                       (returned_us == kNeverReturned ? std::string("never")
                                                      : std::to_string(returned_us / kUsPerMs)) +
                       " ms";
    history_.push_back(operation);
  }
  if (!client.once) think(client);
}

}  // namespace mlguard::sim
