#include "support/test_network.h"

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "support/process.h"

namespace mlguard::support {

namespace {

constexpr const char* kNetwork = "10.77.0.";
constexpr const char* kPrefixLength = "/24";
constexpr const char* kBridge = "mlg-bridge";
constexpr int kOwnHostNumber = 254;

}  // namespace

TestNetwork::TestNetwork(std::size_t hosts) {
  if (::unshare(CLONE_NEWNET) != 0) {
    problem_ = std::string("no network namespace of its own: ") + std::strerror(errno);
    return;
  }
  run({"ip", "link", "set", "lo", "up"});
  run({"ip", "link", "add", kBridge, "type", "bridge"});
  run({"ip", "addr", "add", kNetwork + std::to_string(kOwnHostNumber) + kPrefixLength, "dev",
       kBridge});
  run({"ip", "link", "set", kBridge, "up"});
  for (std::size_t host = 0; host < hosts && problem_.empty(); ++host) {
    const std::string outside = "mlg-" + std::to_string(host);
    run({"ip", "netns", "add", name(host)});
    ++made_;
    run({"ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns",
         name(host)});
    run({"ip", "link", "set", outside, "master", kBridge, "up"});
    run({"ip", "-n", name(host), "addr", "add", address(host) + kPrefixLength, "dev", "eth0"});
    run({"ip", "-n", name(host), "link", "set", "eth0", "up"});
    run({"ip", "-n", name(host), "link", "set", "lo", "up"});
  }
}

TestNetwork::~TestNetwork() {
  for (std::size_t host = 0; host < made_; ++host) run({"ip", "netns", "del", name(host)});
}

std::string TestNetwork::name(std::size_t host) const {
  return "mlg-" + std::to_string(::getpid()) + "-" + std::to_string(host);
}

std::string TestNetwork::address(std::size_t host) const {
  return kNetwork + std::to_string(host + 1);
}

std::vector<std::string> TestNetwork::enter(std::size_t host) const {
  return {"/usr/bin/env", "ip", "netns", "exec", name(host)};
}

// A route that swallows: what the host sends there is gone without a word.
void TestNetwork::part_one_way(std::size_t a, std::size_t b) {
  run({"ip", "-n", name(a), "route", "add", "blackhole", address(b)});
  cuts_.push_back({a, address(b)});
}

void TestNetwork::part(std::size_t a, std::size_t b) {
  part_one_way(a, b);
  part_one_way(b, a);
}

void TestNetwork::heal() {
  for (const Cut& cut : cuts_) {
    run({"ip", "-n", name(cut.host), "route", "del", "blackhole", cut.address});
  }
  cuts_.clear();
}

void TestNetwork::run(const std::vector<std::string>& command) {
  ProcessOptions options;
  options.arguments = {"/usr/bin/env"};
  options.arguments.insert(options.arguments.end(), command.begin(), command.end());
  const CommandResult result = run_command(options);
  if (result.exit.ok() || !problem_.empty()) return;
  for (const std::string& word : command) problem_ += word + " ";
  problem_ += "failed: " + result.err;
}

}  // namespace mlguard::support
