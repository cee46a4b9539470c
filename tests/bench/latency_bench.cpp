// How long an attack lasts: from its first packet to the first packet that the gateway drops, in
// the lab (ml-guard lab up), run after run with an attacker that nobody has seen before. Needs
// root.
//
//   latency_bench [RUNS] [scan|flood]
//
// Prints median, p95 and worst over RUNS (50), with what of it passed until the rule was written by
// the control plane and until it was in the kernel. The clock starts before the attack's program
// is executed, and the drop counter of XDP is read every millisecond: both count against us.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/time_format.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"
#include "xdp/blocklist.h"

namespace mlguard {
namespace {

using Json = nlohmann::json;

constexpr const char* kVictim = "10.77.2.80";
constexpr int kFirstAttacker = 100;  // 10.77.1.100 to .199: cli/lab/lab.sh
constexpr int kAttackers = 100;
constexpr double kGiveUpMs = 15'000;
constexpr std::int64_t kUpMs = 120'000;
// The windows of the sniffer: what one flood left there must not help to find the next.
constexpr std::chrono::milliseconds kForgottenAfter{11'000};
constexpr std::chrono::milliseconds kConfigured{3'000};
constexpr std::chrono::milliseconds kBetweenScans{1'000};

std::string binary(const char* name) { return std::string(MLGUARD_BIN_DIR) + "/" + name; }

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "latency_bench: %s\n", why.c_str());
  std::exit(1);
}

struct Kind {
  const char* name;
  std::vector<std::string> words;
  std::chrono::milliseconds pause;
};

struct Run {
  double rule_ms = 0;
  double kernel_ms = 0;
  double drop_ms = 0;
};

class Lab {
 public:
  Lab() {
    run({"up"}, kUpMs);
    // All attackers are one small network: by default few of one are blocked in an hour.
    for (const char* path : {"rules.per_prefix_max", "rules.per_minute_max"}) {
      run({"exec", "config", "set", "ml-detector", path, "10000"});
    }
    std::this_thread::sleep_for(kConfigured);
    auto list = xdp::Blocklist::open("/sys/fs/bpf/" + prefix_);
    if (!list.ok()) give_up(list.error().message);
    list_ = std::move(*list);
  }
  ~Lab() { run({"down"}); }

  Run attack(const Kind& kind, int attacker) {
    const std::string from = "10.77.1." + std::to_string(attacker);
    support::ProcessOptions options;
    options.arguments = {"/usr/bin/nsenter", "--net=/run/netns/" + prefix_ + "-attacker",
                         binary("ml-guard-lab-traffic")};
    options.arguments.insert(options.arguments.end(), kind.words.begin(), kind.words.end());
    options.arguments.insert(options.arguments.end(), {kVictim, "--from", from});
    const support::Stopwatch watch;
    const std::int64_t began_ms = base::SystemClock().wall_ms();
    support::Process program = support::Process::start(options);
    Run times;
    while (times.drop_ms == 0 && watch.ms() < kGiveUpMs) {
      const xdp::BlockInForce* entry = blocked(attacker);
      if (entry != nullptr && times.kernel_ms == 0) times.kernel_ms = watch.ms();
      if (entry != nullptr && entry->packets > 0) times.drop_ms = watch.ms();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    program.kill_now();
    if (times.drop_ms == 0) give_up(std::string(kind.name) + " of " + from + " was not blocked");
    times.rule_ms = remove_rule(from, began_ms);
    return times;
  }

 private:
  std::string run(std::vector<std::string> words,
                  std::int64_t timeout_ms = support::kCommandTimeoutMs) {
    support::ProcessOptions options;
    options.arguments = {binary("ml-guard"), "lab"};
    options.arguments.insert(options.arguments.end(), words.begin(), words.end());
    options.environment = {{"MLGUARD_LAB_DIR", folder_ / "lab"}, {"MLGUARD_LAB_PREFIX", prefix_}};
    const auto ran = support::run_command(options, timeout_ms);
    if (!ran.exit.ok()) give_up("lab " + words.front() + ": " + ran.out + ran.err);
    return ran.out;
  }

  const xdp::BlockInForce* blocked(int attacker) {
    auto listed = list_->list();
    if (!listed.ok()) give_up(listed.error().message);
    entries_ = std::move(*listed);
    for (const xdp::BlockInForce& entry : entries_) {
      const auto& bytes = entry.block.network.address;
      if (bytes[12] == 10 && bytes[13] == 77 && bytes[14] == 1 && bytes[15] == attacker) {
        return &entry;
      }
    }
    return nullptr;
  }

  // When it was made, since `began_ms`.
  double remove_rule(const std::string& from, std::int64_t began_ms) {
    const Json all = Json::parse(run({"exec", "rules", "list", "-o", "json"}));
    for (const Json& rule : all["rules"]) {
      if (rule["cidr"] != from + "/32") continue;
      run({"exec", "rules", "rm", rule["id"].get<std::string>()});
      const auto made = base::parse_iso_time_ms(rule["created_at"].get<std::string>());
      return made.ok() ? static_cast<double>(*made - began_ms) : 0;
    }
    give_up("there is no rule for " + from);
  }

  const std::string prefix_ = "mlgbench" + std::to_string(getpid());
  support::TempDir folder_;
  std::unique_ptr<xdp::Blocklist> list_;
  std::vector<xdp::BlockInForce> entries_;
};

void print(const char* what, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  std::printf("  %-34s median %5.0f ms, p95 %5.0f ms, worst %5.0f ms\n", what, at(0.5), at(0.95),
              values.back());
}

void measure(Lab& lab, const Kind& kind, int runs, int first) {
  std::vector<double> rule;
  std::vector<double> kernel;
  std::vector<double> drop;
  for (int i = 0; i < runs; ++i) {
    const Run times = lab.attack(kind, kFirstAttacker + (first + i) % kAttackers);
    rule.push_back(times.rule_ms);
    kernel.push_back(times.kernel_ms);
    drop.push_back(times.drop_ms);
    std::this_thread::sleep_for(kind.pause);
  }
  std::printf("%s, %d runs, from the start of the attack\n", kind.name, runs);
  print("to the rule being decided", rule);
  print("to the rule being in the kernel", kernel);
  print("to the first dropped packet", drop);
  std::fflush(stdout);
}

int run(int argc, char** argv) {
  if (geteuid() != 0) give_up("needs root: network namespaces and XDP");
  const int runs = argc > 1 ? std::atoi(argv[1]) : 50;
  const std::string only = argc > 2 ? argv[2] : "";
  if (runs < 1 || runs > kAttackers / 2) give_up("RUNS is 1 to 50");
  const Kind scan = {"port scan (200 ports/s)", {"port-scan", "--count", "60000"}, kBetweenScans};
  const Kind flood = {"SYN flood (5,000/s)", {"syn-flood", "--seconds", "20"}, kForgottenAfter};
  Lab lab;
  if (only != "flood") measure(lab, scan, runs, 0);
  if (only != "scan") measure(lab, flood, runs, kAttackers / 2);
  return 0;
}

}  // namespace
}  // namespace mlguard

int main(int argc, char** argv) { return mlguard::run(argc, argv); }
