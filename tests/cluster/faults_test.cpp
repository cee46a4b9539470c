// Rounds of faults under a load of eight clients: no acknowledged write is lost, what the clients
// saw is linearizable, and all instances come to one state without anybody's help. MLGUARD_ROUNDS
// sets the number of rounds (make soak), MLGUARD_SEED repeats the choice of faults. As root the
// instances stand on hosts of their own, and there are partitions, full disks and clock jumps too.
#include <fcntl.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>

#include "base/unique_fd.h"
#include "cluster.h"
#include "sim/linearizability.h"
#include "support/mounts.h"

namespace mlguard::cluster {
namespace {

using sim::kNeverReturned;
using sim::Operation;
using sim::OperationKind;

constexpr int kClients = 8;
constexpr int kKeys = 4;
constexpr int kRoundsShort = 12;
constexpr std::uint64_t kCheckStepsMax = 50'000'000;
constexpr std::chrono::milliseconds kFaultFor{900};
constexpr std::chrono::milliseconds kCalmFor{600};

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// One client: reads, writes and compares-and-sets a few keys, and records what it was told.
class Worker {
 public:
  Worker(int number, std::unique_ptr<etcd_client::Client> client, std::uint64_t seed)
      : number_(number), client_(std::move(client)), random_(seed) {}

  void run(const std::atomic<bool>& stop) {
    while (!stop) {
      const std::string key = "sniffer-k" + std::to_string(random_() % kKeys);
      switch (random_() % 3) {
        case 0: read(key); break;
        case 1: write(key); break;
        default: compare_and_set(key); break;
      }
    }
  }
  const std::vector<Operation>& history() const { return history_; }
  std::size_t acknowledged() const { return acknowledged_; }

 private:
  Operation begin(const std::string& key, OperationKind kind) const {
    Operation operation;
    operation.key = key;
    operation.kind = kind;
    operation.label = "client " + std::to_string(number_);
    operation.called = now_ns();
    return operation;
  }
  std::string fresh_value() {
    return "c" + std::to_string(number_) + "-" + std::to_string(++written_);
  }

  void read(const std::string& key) {
    Operation operation = begin(key, OperationKind::read);
    const auto config = client_->get_config(key);
    if (!config.ok() && config.error().code != base::ErrorCode::not_found) return;
    operation.value = config.ok() ? value_of(config->document) : std::string();
    operation.returned = now_ns();
    history_.push_back(std::move(operation));
  }

  void write(const std::string& key) {
    Operation operation = begin(key, OperationKind::write);
    operation.value = fresh_value();
    const auto put = client_->put_config(key, document_of(operation.value));
    // Whatever the error says: it may have taken effect.
    if (put.ok()) {
      operation.returned = now_ns();
      ++acknowledged_;
    }
    history_.push_back(std::move(operation));
  }

  void compare_and_set(const std::string& key) {
    const auto before = client_->get_config(key);
    if (!before.ok()) return;
    Operation operation = begin(key, OperationKind::compare_and_set);
    operation.value = fresh_value();
    operation.expected = value_of(before->document);
    etcd_client::PutOptions options;
    options.expected_version = before->version;
    const auto put = client_->put_config(key, document_of(operation.value), options);
    operation.succeeded = put.ok();
    if (put.ok() || put.error().code == base::ErrorCode::precondition_failed) {
      operation.returned = now_ns();
      if (put.ok()) ++acknowledged_;
    } else {
      operation.succeeded = true;  // If it happened at all.
    }
    history_.push_back(std::move(operation));
  }

  const int number_;
  std::unique_ptr<etcd_client::Client> client_;
  std::mt19937_64 random_;
  int written_ = 0;
  std::size_t acknowledged_ = 0;
  std::vector<Operation> history_;
};

enum class Fault { kill, pause, partition, one_way, full_disk, clock };
constexpr int kFaultsAnywhere = 2;  // The first two need no root.
constexpr int kFaults = 6;
const char* const kFaultNames[] = {"kill -9", "pause",     "partition",
                                   "one-way", "full disk", "clock jump"};

constexpr std::size_t kInstances = 3;
// Room for 200 rounds of writes and a snapshot beside them.
constexpr std::size_t kDiskBytes = 1024 * 1024 * 1024;
constexpr const char* kFakeTime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

class FaultsTest : public ClusterTest {
 protected:
  void start_all() {
    if (!support::is_root()) return start_instances(kInstances);
    start_on_hosts(kInstances);
  }

  // Each instance has a small disk and a clock of its own.
  void prepare(std::size_t instance, support::ServerSettings& settings) override {
    if (!support::is_root()) return;
    const std::string data = folder_.path() + "/ml-guard/" + std::to_string(settings.port);
    std::filesystem::create_directories(data);
    disks_.push_back(support::Mount::tmpfs(data, kDiskBytes));
    EXPECT_EQ(disks_.back().problem(), "");
    set_clock(instance, "+0s");
    for (const std::string& word :
         {std::string("/usr/bin/env"), std::string("LD_PRELOAD=") + kFakeTime,
          "FAKETIME_TIMESTAMP_FILE=" + clock_file(instance), std::string("FAKETIME_NO_CACHE=1"),
          std::string("FAKETIME_DONT_FAKE_MONOTONIC=1")}) {
      settings.enter.push_back(word);
    }
  }

  // Does something bad to one instance and, after a while, lets it go on.
  void one_round(std::mt19937_64& random) {
    const std::size_t led = leader().value_or(random() % count());
    const std::size_t victim = random() % 2 == 0 ? led : random() % count();
    const int kinds = support::is_root() ? kFaults : kFaultsAnywhere;
    const auto fault = static_cast<Fault>(random() % static_cast<unsigned>(kinds));
    ++rounds_of_[static_cast<std::size_t>(fault)];
    begin(fault, victim, random);
    std::this_thread::sleep_for(kFaultFor);
    end(fault, victim);
    std::this_thread::sleep_for(kCalmFor);
  }

  void begin(Fault fault, std::size_t victim, std::mt19937_64& random) {
    switch (fault) {
      case Fault::kill: at(victim).kill9(); return;
      case Fault::pause: at(victim).process().signal(SIGSTOP); return;
      case Fault::partition:
        for (std::size_t other = 0; other < count(); ++other) {
          if (other != victim) network_->part(victim, other);
        }
        return;
      case Fault::one_way:
        network_->part_one_way(victim, (victim + 1 + random() % (count() - 1)) % count());
        return;
      case Fault::full_disk: fill(at(victim).data_dir() + "/filler"); return;
      case Fault::clock: set_clock(victim, random() % 2 == 0 ? "+90s" : "-90s"); return;
    }
  }

  void end(Fault fault, std::size_t victim) {
    switch (fault) {
      case Fault::kill: start(victim); return;
      case Fault::pause: at(victim).process().signal(SIGCONT); return;
      case Fault::partition:
      case Fault::one_way: network_->heal(); return;
      case Fault::full_disk: std::filesystem::remove(at(victim).data_dir() + "/filler"); return;
      case Fault::clock: set_clock(victim, "+0s"); return;
    }
  }

  void tell_rounds() const {
    for (std::size_t i = 0; i < rounds_of_.size(); ++i) {
      if (rounds_of_[i] > 0) std::cout << kFaultNames[i] << " " << rounds_of_[i] << "  ";
    }
    std::cout << "\n";
  }

 private:
  std::string clock_file(std::size_t instance) const {
    return folder_.path() + "/clock-" + std::to_string(instance);
  }
  void set_clock(std::size_t instance, const std::string& offset) const {
    // Replaced as a whole: the servers read it at any moment.
    const std::string next = clock_file(instance) + ".next";
    std::ofstream(next) << offset << "\n";
    std::filesystem::rename(next, clock_file(instance));
  }
  static void fill(const std::string& path) {
    const base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_TRUE(file.valid());
    // Larger pieces first: what is left at the end is less than a page of the database.
    off_t at = 0;
    for (off_t piece = 64 * 1024 * 1024; piece >= 4096; piece /= 2) {
      while (::posix_fallocate(file.get(), at, piece) == 0) at += piece;
    }
  }

  std::vector<support::Mount> disks_;
  std::array<int, kFaults> rounds_of_{};
};

TEST_F(FaultsTest, ALeaderWhoseDiskIsFullLeavesTheLeadToOneThatCanWrite) {
  if (!support::is_root()) GTEST_SKIP() << "small disks are mounts, which need root";
  start_all();
  ASSERT_FALSE(HasFatalFailure());
  const std::size_t led = wait_for_leader();
  ASSERT_LT(led, count());
  std::mt19937_64 random;
  begin(Fault::full_disk, led, random);
  const std::size_t other = (led + 1) % count();
  for (int i = 0; i < 50; ++i) {
    const auto put = client(other)->put_config("sniffer", document_of(std::to_string(i)));
    ASSERT_TRUE(put.ok()) << put.error().message;
  }
  EXPECT_NE(wait_for_leader(), led);
  end(Fault::full_disk, led);
  expect_agreement();
}

TEST_F(FaultsTest, NoAcknowledgedWriteIsLostAndTheHistoryIsLinearizable) {
  const std::uint64_t seed = number_from("MLGUARD_SEED", std::random_device{}());
  const std::uint64_t rounds = number_from("MLGUARD_ROUNDS", kRoundsShort);
  std::cout << "seed " << seed << ", " << rounds << " rounds\n";
  start_all();
  ASSERT_FALSE(HasFatalFailure());
  ASSERT_LT(wait_for_leader(), count());

  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < kClients; ++i) {
    workers.push_back(
        std::make_unique<Worker>(i,
                                 client(static_cast<std::size_t>(i) % count(),
                                        etcd_client::Consistency::linearizable, 3'000),
                                 seed + static_cast<std::uint64_t>(i) + 1));
  }
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (const auto& worker : workers) {
    threads.emplace_back([&stop, w = worker.get()] { w->run(stop); });
  }
  std::mt19937_64 random(seed);
  for (std::uint64_t round = 0; round < rounds && !HasFailure(); ++round) one_round(random);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  tell_rounds();

  wait_for_leader();
  expect_agreement();
  std::vector<Operation> history;
  std::size_t acknowledged = 0;
  for (const auto& worker : workers) {
    acknowledged += worker->acknowledged();
    history.insert(history.end(), worker->history().begin(), worker->history().end());
  }
  // What stands at the end is part of the history: an acknowledged write that is gone shows here.
  for (int key = 0; key < kKeys; ++key) {
    Operation last;
    last.key = "sniffer-k" + std::to_string(key);
    last.label = "the end";
    last.called = now_ns();
    const auto config = client(0)->get_config(last.key);
    ASSERT_TRUE(config.ok() || config.error().code == base::ErrorCode::not_found);
    last.value = config.ok() ? value_of(config->document) : std::string();
    last.returned = now_ns();
    history.push_back(std::move(last));
  }
  std::cout << history.size() << " operations, " << acknowledged << " acknowledged writes\n";
  EXPECT_GT(acknowledged, rounds * 10);
  const sim::LinearizabilityReport report =
      sim::check_linearizable(sim::settle_unanswered(std::move(history)), kCheckStepsMax);
  EXPECT_EQ(report.verdict, sim::Verdict::linearizable) << "seed " << seed << "\n"
                                                        << report.explanation;
  EXPECT_EQ(ml_guard(0, {"verify"}).exit.code, 0);
}

}  // namespace
}  // namespace mlguard::cluster
