// kill -9 at any moment under load. Whatever a client was told is stored must be there afterwards,
// with its content, the digest chain must verify, and a start on a large state must be quick.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "live.h"
#include "support/proc_stat.h"

namespace mlguard::e2e {
namespace {

using etcd_client::Client;
using support::Stopwatch;

constexpr int kRoundsDefault = 8;
constexpr int kWriters = 4;
constexpr std::size_t kStateRules = 100'000;
constexpr double kStartMsMax = 1'000.0 * kSlowdown;

int rounds() {
  const char* text = std::getenv("MLGUARD_ROUNDS");
  return text != nullptr ? std::max(1, std::atoi(text)) : kRoundsDefault;
}

// What the server has acknowledged.
struct Acknowledged {
  std::mutex mutex;
  std::map<std::string, std::map<std::uint64_t, std::string>>
      configs;                               // component → version → text
  std::map<std::string, std::string> rules;  // id → cidr

  std::size_t count() {
    const std::lock_guard lock(mutex);
    std::size_t sum = rules.size();
    for (const auto& [component, versions] : configs) sum += versions.size();
    return sum;
  }
};

// One client that writes as fast as it is answered, until it is told to stop.
class Writer {
 public:
  Writer(std::unique_ptr<Client> client, int round, int number, Acknowledged& acknowledged)
      : client_(std::move(client)),
        name_(std::to_string(round) + "-" + std::to_string(number)),
        acknowledged_(acknowledged),
        thread_([this] { run(); }) {}
  ~Writer() {
    stop_ = true;
    thread_.join();
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

 private:
  void run() {
    // What is not answered is not acknowledged: on a slow machine that is not yet the crash.
    for (int i = 1; !stop_; ++i) {
      if (i % 3 == 0) {
        write_config(i);
      } else {
        write_rules(i);
      }
    }
  }

  void write_config(int i) {
    const std::string component = "sniffer-" + name_;
    const std::string document = config_document(100 + static_cast<std::size_t>(i % 7) * 400, i);
    const auto put = client_->put_config(component, document);
    if (!put.ok()) return;
    const std::lock_guard lock(acknowledged_.mutex);
    acknowledged_.configs[component][put->version] = document;
  }

  void write_rules(int i) {
    std::vector<base::Rule> rules;
    for (int k = 0; k < 3; ++k) {
      const std::string id = "r-" + name_ + "-" + std::to_string(i) + "-" + std::to_string(k);
      const std::string address = "10." + std::to_string(i / 250 % 250) + "." +
                                  std::to_string(i % 250) + "." + std::to_string(k) + "/32";
      rules.push_back(rule_of(id, address));
    }
    if (!client_->put_rules(rules).ok()) return;
    const std::lock_guard lock(acknowledged_.mutex);
    for (const base::Rule& rule : rules) acknowledged_.rules[rule.id] = rule.cidr;
  }

  std::unique_ptr<Client> client_;
  std::string name_;
  Acknowledged& acknowledged_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

class CrashTest : public LiveServerTest {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(start()); }

  // Bulk rules, 1,000 a write: the state that a start has to cope with.
  void build_large_state() {
    const auto admin = operator_client();
    ASSERT_TRUE(admin);
    const Stopwatch watch;
    for (std::size_t done = 0; done < kStateRules; done += base::kRulesPerWriteMax) {
      std::vector<base::Rule> rules;
      for (std::size_t i = done; i < done + base::kRulesPerWriteMax; ++i) {
        rules.push_back(
            rule_of("state-" + std::to_string(i), "172." + std::to_string(i >> 16) + "." +
                                                      std::to_string(i >> 8 & 255) + "." +
                                                      std::to_string(i & 255) + "/32"));
      }
      const auto put = admin->put_rules(rules);
      ASSERT_TRUE(put.ok()) << put.error().message;
    }
    std::printf("%zu rules stored in %.0f ms\n", kStateRules, watch.ms());
  }

  // Writers work; after a random time the server is killed. Returns the revision before.
  void one_crash(int round, Acknowledged& acknowledged, std::mt19937& random) {
    std::vector<std::unique_ptr<Writer>> writers;
    const std::size_t before = acknowledged.count();
    for (int i = 0; i < kWriters; ++i) {
      auto client = operator_client(1'000);
      ASSERT_TRUE(client);
      writers.push_back(std::make_unique<Writer>(std::move(client), round, i, acknowledged));
    }
    ASSERT_TRUE(support::wait_until([&] { return acknowledged.count() > before + 10; }));
    std::this_thread::sleep_for(
        std::chrono::microseconds(std::uniform_int_distribution<int>(0, 300'000)(random)));
    server_.kill9();
    writers.clear();
  }

  void check_rules(Client& client, std::uint64_t after, const Acknowledged& acknowledged,
                   const std::string& prefix) {
    const auto set = client.rules_since(after, std::chrono::milliseconds(0));
    ASSERT_TRUE(set.ok()) << set.error().message;
    std::map<std::string, std::string> stored;
    for (const base::Rule& rule : set->rules) stored[rule.id] = rule.cidr;
    for (const auto& [id, cidr] : acknowledged.rules) {
      if (id.rfind(prefix, 0) != 0) continue;
      const auto found = stored.find(id);
      ASSERT_NE(found, stored.end()) << "lost: rule " << id;
      EXPECT_EQ(found->second, cidr) << id;
    }
  }

  void check_configs(Client& client, const Acknowledged& acknowledged, const std::string& prefix) {
    for (const auto& [component, versions] : acknowledged.configs) {
      if (component.rfind(prefix, 0) != 0) continue;
      for (const auto& [version, document] : versions) {
        const auto got = client.get_config(component, version);
        ASSERT_TRUE(got.ok()) << "lost: " << component << " version " << version;
        EXPECT_EQ(got->document, document) << component << " version " << version;
      }
    }
  }

  // Everything that was ever acknowledged, read in one go (the rounds check their own at once).
  void check_all(const Acknowledged& acknowledged, Client& client) {
    check_configs(client, acknowledged, "sniffer-");
    for (const auto& [id, cidr] : acknowledged.rules) {
      static_cast<void>(cidr);
      if (std::hash<std::string>{}(id) % 50 != 0) continue;
      const auto rule = client.call({"GET", "/v1/rules/" + id, "", {}});
      ASSERT_TRUE(rule.ok() && rule->status == 200) << "lost: rule " << id;
    }
  }

  void verify_is_clean(Client& client) {
    const auto report = client.call({"GET", "/v1/verify", "", {}});
    ASSERT_TRUE(report.ok()) << report.error().message;
    ASSERT_EQ(report->status, 200) << report->body;
    EXPECT_EQ(json_array_size(report->body, "/problems"), 0u) << report->body;
    EXPECT_NE(json_at(report->body, "/problems"), "") << report->body;
  }
};

TEST_F(CrashTest, EveryAcknowledgedWriteSurvivesKill9AtAnyMomentOnALargeState) {
  ASSERT_NO_FATAL_FAILURE(build_large_state());
  const auto seed = static_cast<unsigned>(std::random_device{}());
  std::printf("seed %u, %d rounds\n", seed, rounds());
  std::mt19937 random(seed);
  Acknowledged acknowledged;
  std::vector<double> starts;
  for (int round = 0; round < rounds(); ++round) {
    const std::uint64_t before = std::stoull("0" + json_at(page("/status"), "/revision"));
    ASSERT_NO_FATAL_FAILURE(one_crash(round, acknowledged, random)) << "round " << round;
    const Stopwatch watch;
    ASSERT_NO_FATAL_FAILURE(start()) << "round " << round;
    const double took_ms = watch.ms();
    starts.push_back(took_ms / support::time_stretch());
    const auto client = operator_client();
    ASSERT_TRUE(client);
    const std::string tag = std::to_string(round) + "-";
    ASSERT_NO_FATAL_FAILURE(check_rules(*client, before, acknowledged, "r-" + tag));
    ASSERT_NO_FATAL_FAILURE(check_configs(*client, acknowledged, "sniffer-" + tag));
    // The whole chain takes a second or so on this state; once in a while is enough.
    if (round % 4 == 3) {
      ASSERT_NO_FATAL_FAILURE(verify_is_clean(*client)) << "round " << round;
    }
  }
  const auto client = operator_client();
  ASSERT_TRUE(client);
  ASSERT_NO_FATAL_FAILURE(check_all(acknowledged, *client));
  ASSERT_NO_FATAL_FAILURE(verify_is_clean(*client));
  std::sort(starts.begin(), starts.end());
  std::printf(
      "%zu acknowledged writes survived; start on %zu rows: median %.0f ms, worst %.0f ms\n",
      acknowledged.count(), kStateRules, starts[starts.size() / 2], starts.back());
  EXPECT_LT(starts[starts.size() / 2], kStartMsMax);
}

TEST_F(CrashTest, VerifyFromTheCommandLineSaysThatAllIsWellAfterAKill) {
  Acknowledged acknowledged;
  std::mt19937 random(7);
  ASSERT_NO_FATAL_FAILURE(one_crash(0, acknowledged, random));
  ASSERT_NO_FATAL_FAILURE(start());
  const support::CommandResult verify = support::ml_guard(server_, {"verify"});
  EXPECT_TRUE(verify.exit.ok()) << verify.err << verify.out;
  const support::CommandResult check =
      support::run_shell("sqlite3 '" + server_.database() + "' 'pragma integrity_check'");
  EXPECT_EQ(check.out, "ok\n");
}

TEST_F(CrashTest, AFirewallGetsAHundredThousandRulesInOneSet) {
  ASSERT_NO_FATAL_FAILURE(build_large_state());
  const auto firewall = agent_client(base::Role::firewall, "firewall");
  ASSERT_TRUE(firewall);
  const auto set = firewall->rules_since(0, std::chrono::milliseconds(0));
  ASSERT_TRUE(set.ok()) << set.error().message;
  EXPECT_TRUE(set->full);
  EXPECT_EQ(set->rules.size(), kStateRules);
  EXPECT_EQ(set->digest, base::rule_set_digest(set->rules));
}

}  // namespace
}  // namespace mlguard::e2e
