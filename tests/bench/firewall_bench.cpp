// How fast rules reach the kernel: a real etcd-server and a real firewall in a network namespace of
// this process's own. Needs root.
//
//   firewall_bench [RULES] [PROBES] [--xdp]
//
// Prints: from the acknowledged rule to the kernel (p50, p99), with few rules, beside 200 others
// that follow, and with RULES of them; from the start of a new firewall to RULES in force, from the
// server and from its own disk; what 100 firewalls that start at once take from the server.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "etcd_client/client.h"
#include "firewall/nft_link.h"
#include "support/pin_folder.h"
#include "support/private_network.h"
#include "support/proc_stat.h"
#include "support/process.h"
#include "support/server_process.h"
#include "support/wait_until.h"
#include "xdp/blocklist.h"

namespace mlguard {
namespace {

using support::Stopwatch;

constexpr const char* kTable = "ml_guard";
constexpr const char* kProbeSet = "v4_31";  // Probes are of a length that nothing else has.
constexpr double kProbeWaitMs = 10'000;
constexpr double kQuietMs = 400;
constexpr std::size_t kFollowers = 200;
constexpr std::size_t kStartingAtOnce = 100;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "firewall_bench: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(base::Result<T> result) {
  if (!result.ok()) give_up(result.error().message);
  return std::move(result).value();
}

struct Bench {
  support::ServerProcess server;
  support::TempDir folder;
  support::PinFolder pins;
  std::unique_ptr<etcd_client::Client> op;
  std::unique_ptr<firewall::NftLink> link;
  std::vector<std::string> flags;
};

void begin(Bench& bench) {
  if (geteuid() != 0) give_up("needs root");
  if (const std::string why = support::enter_private_network(); !why.empty()) give_up(why);
  if (const auto started = bench.server.start(); !started.ok()) give_up(started.error().message);
  etcd_client::ClientOptions options;
  options.endpoints = {bench.server.endpoint()};
  options.credential_path = bench.server.operator_key();
  bench.op = must(etcd_client::Client::open(options));
  bench.link = std::make_unique<firewall::NftLink>(must(firewall::NftLink::open()));
}

support::Process start_firewall(Bench& bench) {
  support::ProcessOptions options;
  options.arguments = {support::binary("firewall"),
                       "--endpoints",
                       bench.server.endpoint(),
                       "--credentials",
                       bench.folder / "firewall.credential",
                       "--state",
                       bench.folder / "firewall.rules",
                       "--pin-folder",
                       bench.pins.path()};
  options.arguments.insert(options.arguments.end(), bench.flags.begin(), bench.flags.end());
  options.environment = bench.server.environment();
  const auto token =
      support::ml_guard(bench.server, {"token", "create", "--role", "firewall", "-o", "raw"});
  options.environment.emplace_back("MLGUARD_JOIN", token.out.substr(0, token.out.find('\n')));
  return support::Process::start(options);
}

std::size_t in_kernel(Bench& bench) {
  std::size_t count = 0;
  const auto sets = bench.link->sets(kTable);
  if (!sets.ok()) return 0;
  for (const std::string& set : *sets) {
    if (set == kProbeSet) continue;
    const auto elements = bench.link->list(kTable, set);
    if (elements.ok()) count += elements->size();
  }
  return count;
}

std::size_t at_xdp(Bench& bench) {
  const auto list = xdp::Blocklist::open(bench.pins.path());
  if (!list.ok()) return 0;
  const auto entries = (*list)->list();
  return entries.ok() ? entries->size() : 0;
}

// Every tenth a /24, every tenth IPv6, the rest IPv4 addresses.
base::Rule rule_number(std::size_t i) {
  base::Rule rule;
  rule.id = "n" + std::to_string(i);
  const std::string high = std::to_string(i / 65'536 % 256) + "." + std::to_string(i / 256 % 256);
  const std::string low = std::to_string(i % 256);
  if (i % 20 == 0) {
    rule.cidr = "20." + high + ".0/24";
  } else if (i % 10 == 1) {
    rule.cidr = "2001:db8::" + std::to_string(i / 10'000) + ":" + std::to_string(i % 10'000);
  } else {
    rule.cidr = "11." + high + "." + low;
  }
  return rule;
}

// How many different networks the first `count` rules are of.
std::size_t networks_of(std::size_t count) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(rule_number(i).cidr);
  std::sort(all.begin(), all.end());
  return static_cast<std::size_t>(std::unique(all.begin(), all.end()) - all.begin());
}

void fill(Bench& bench, std::size_t count) {
  for (std::size_t at = 0; at < count;) {
    std::vector<base::Rule> rules;
    for (; at < count && rules.size() < base::kRulesPerWriteMax; ++at) {
      rules.push_back(rule_number(at));
    }
    must(bench.op->put_rules(rules));
  }
}

// Milliseconds from the acknowledgement to the kernel, of each probe; sorted.
std::vector<double> probe(Bench& bench, std::size_t probes, std::size_t first) {
  std::vector<double> all;
  for (std::size_t i = 0; i < probes; ++i) {
    const std::size_t number = first + i;
    std::atomic<bool> seen = false;
    Stopwatch watch;
    double seen_ms = kProbeWaitMs;
    const std::string key = {30, static_cast<char>(number / 128 % 256), 0,
                             static_cast<char>(number % 128 * 2)};
    std::thread watcher([&] {
      auto link = must(firewall::NftLink::open());
      while (!seen && watch.ms() < kProbeWaitMs) {
        const auto elements = link.list(kTable, kProbeSet);
        if (!elements.ok()) continue;
        seen = std::any_of(elements->begin(), elements->end(),
                           [&](const firewall::NftElement& one) { return one.key.bytes() == key; });
        if (seen) seen_ms = watch.ms();
      }
    });
    base::Rule rule;
    rule.cidr = "30." + std::to_string(number / 128 % 256) + ".0." +
                std::to_string(number % 128 * 2) + "/31";
    must(bench.op->put_rules({rule}));
    const double acknowledged_ms = watch.ms();
    watcher.join();
    all.push_back(std::max(0.0, seen_ms - acknowledged_ms));
  }
  std::sort(all.begin(), all.end());
  return all;
}

void print(const char* what, const std::vector<double>& sorted) {
  if (sorted.empty()) return;
  std::printf("%s: p50 %.1f ms, p99 %.1f ms, worst %.1f ms (%zu probes)\n", what,
              sorted[sorted.size() / 2], sorted[sorted.size() * 99 / 100], sorted.back(),
              sorted.size());
  std::fflush(stdout);
}

void time_start(Bench& bench, const char* what, std::size_t networks) {
  const Stopwatch watch;
  support::Process firewall = start_firewall(bench);
  const bool with_xdp = !bench.flags.empty();
  // Listing takes time from the firewall: it is done when nothing has changed for a while.
  std::uint32_t generation = must(bench.link->generation());
  double changed_ms = 0;
  double asked_ms = 0;
  const bool done = support::wait_until(
      [&] {
        const std::uint32_t now = must(bench.link->generation());
        if (now != generation) changed_ms = watch.ms();
        generation = now;
        if (watch.ms() < std::max(changed_ms, asked_ms) + kQuietMs) return false;
        asked_ms = watch.ms();
        return in_kernel(bench) >= networks && (!with_xdp || at_xdp(bench) >= networks);
      },
      60'000, 5);
  // On a busy machine only the processor's time says something.
  std::printf(
      "%s: %s after %.2f s, %.2f s of a core, %zu networks, firewall %.0f MB, server %.0f "
      "MB\n",
      what, done ? "in force" : "NOT in force", (with_xdp ? asked_ms : changed_ms) / 1'000,
      static_cast<double>(support::cpu_ms(firewall.pid())) / 1'000, in_kernel(bench),
      static_cast<double>(support::resident_bytes_peak(firewall.pid())) / 1e6,
      static_cast<double>(support::resident_bytes_peak(bench.server.pid())) / 1e6);
  std::fflush(stdout);
  if (!done || std::getenv("VERBOSE") != nullptr) {
    std::fprintf(stderr, "%s\n", firewall.err().c_str());
  }
}

void empty_the_kernel(Bench& bench) {
  support::run_shell("nft flush ruleset");
  const auto list = xdp::Blocklist::open(bench.pins.path());
  if (!list.ok()) return;
  const auto entries = (*list)->list();
  std::vector<xdp::BlockedNetwork> all;
  if (entries.ok()) {
    for (const xdp::BlockInForce& one : *entries) all.push_back(one.block.network);
  }
  (void)(*list)->unblock(all).ok();
}

// The text behind `"name":` up to the next comma, brace or quote.
std::string member(const std::string& json, const std::string& name) {
  const std::string mark = "\"" + name + "\":";
  const std::size_t at = json.find(mark);
  if (at == std::string::npos) return {};
  const std::size_t begin = json.find_first_not_of("\"", at + mark.size());
  return json.substr(begin, json.find_first_of("\",}", begin) - begin);
}

std::unique_ptr<etcd_client::Client> open_client(Bench& bench) {
  etcd_client::ClientOptions options;
  options.endpoints = {bench.server.endpoint()};
  options.credential_path = bench.server.operator_key();
  options.reads = etcd_client::Consistency::local;
  options.call_deadline = std::chrono::seconds(60);
  return must(etcd_client::Client::open(options));
}

// Reads all rules, page by page, as a starting firewall does, and forgets them.
void read_all(Bench& bench) {
  const auto client = open_client(bench);
  std::string after;
  do {
    const auto page = must(client->call(
        {"GET", "/v1/rules/stream?after=0" + (after.empty() ? "" : "&after_id=" + after), {}, {}}));
    if (page.status != 200) give_up(page.body);
    after = member(page.body, "next_id");
  } while (!after.empty());
}

void start_at_once(Bench& bench, std::size_t firewalls) {
  const Stopwatch watch;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < firewalls; ++i) threads.emplace_back([&] { read_all(bench); });
  for (std::thread& thread : threads) thread.join();
  std::printf("%zu firewalls start at once: all have all rules after %.1f s, server %.0f MB\n",
              firewalls, watch.ms() / 1'000,
              static_cast<double>(support::resident_bytes_peak(bench.server.pid())) / 1e6);
  std::fflush(stdout);
}

// Others that wait for the same changes, as firewalls do.
class Followers {
 public:
  Followers(Bench& bench, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) clients_.push_back(open_client(bench));
    for (const auto& client : clients_) {
      threads_.emplace_back([this, &client] { follow(*client); });
    }
  }
  ~Followers() {
    stopping_ = true;
    for (const auto& client : clients_) client->cancel();
    for (std::thread& thread : threads_) thread.join();
  }
  Followers(const Followers&) = delete;
  Followers& operator=(const Followers&) = delete;

 private:
  void follow(etcd_client::Client& client) {
    // Of a state that is far ahead: the answer says which one there is.
    std::string revision = member(must(client.call({"GET", "/status", {}, {}})).body, "revision");
    while (!stopping_) {
      const auto answer =
          client.call({"GET", "/v1/rules/stream?after=" + revision + "&wait=20000ms", {}, {}});
      if (!answer.ok()) continue;
      const std::string next = member(answer->body, "revision");
      if (!next.empty()) revision = next;
    }
  }

  std::vector<std::unique_ptr<etcd_client::Client>> clients_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_ = false;
};

void run(std::size_t rules, std::size_t probes, bool with_xdp) {
  Bench bench;
  begin(bench);
  if (with_xdp) {
    support::make_cable("here", "there");
    bench.flags = {"--xdp", "here"};
  }
  {
    const support::Process firewall = start_firewall(bench);
    (void)probe(bench, 3, 0);
    print("acknowledged to in the kernel, few rules", probe(bench, probes, 3));
    const Followers followers(bench, kFollowers);
    std::this_thread::sleep_for(std::chrono::seconds(2));
    print("the same, 200 others follow", probe(bench, probes, probes + 3));
  }
  const Stopwatch filling;
  fill(bench, rules);
  std::printf("%zu rules put in %.1f s\n", rules, filling.ms() / 1'000);
  const std::size_t networks = networks_of(rules);
  empty_the_kernel(bench);
  support::run_shell("rm -f " + (bench.folder / "firewall.rules"));
  time_start(bench, "a new firewall", networks);
  empty_the_kernel(bench);
  time_start(bench, "after a reboot", networks);
  time_start(bench, "after a crash", networks);
  const support::Process firewall = start_firewall(bench);
  support::wait_until([&] { return firewall.err().find("in force") != std::string::npos; }, 60'000);
  print("acknowledged to in the kernel, many rules", probe(bench, probes, 2 * probes + 3));
  start_at_once(bench, kStartingAtOnce);
}

}  // namespace
}  // namespace mlguard

int main(int argc, char** argv) {
  const bool with_xdp = argc > 1 && std::strcmp(argv[argc - 1], "--xdp") == 0;
  const int numbers = with_xdp ? argc - 1 : argc;
  const std::size_t rules = numbers > 1 ? std::strtoul(argv[1], nullptr, 10) : 300'000;
  const std::size_t probes = numbers > 2 ? std::strtoul(argv[2], nullptr, 10) : 200;
  mlguard::run(rules, probes, with_xdp);
}
