#include "cluster.h"

#include <algorithm>
#include <iostream>

#include "e2e/live.h"
#include "support/tcp.h"

namespace mlguard::cluster {

namespace {

constexpr std::size_t kLogCharsShown = 3'000;
constexpr std::uint16_t kPortOnHosts = 2379;

}  // namespace

void ClusterTest::TearDown() {
  if (!HasFailure()) return;
  for (const auto& instance : instances_) {
    const std::string log = instance->log();
    const std::size_t from = log.size() > kLogCharsShown ? log.size() - kLogCharsShown : 0;
    std::cerr << "---- " << instance->endpoint() << "\n" << log.substr(from) << "\n";
  }
}

void ClusterTest::start_instances(std::size_t count, const std::vector<std::string>& flags) {
  std::vector<std::uint16_t> ports;
  while (ports.size() < count) {
    const std::uint16_t port = support::free_port();
    if (std::find(ports.begin(), ports.end(), port) == ports.end()) ports.push_back(port);
  }
  std::sort(ports.begin(), ports.end());
  for (const std::uint16_t port : ports) {
    support::ServerSettings settings;
    settings.port = port;
    settings.flags = flags;
    add(settings);
  }
  launch_all();
}

void ClusterTest::start_on_hosts(std::size_t count) {
  network_ = std::make_unique<support::TestNetwork>(count);
  ASSERT_EQ(network_->problem(), "");
  for (std::size_t host = 0; host < count; ++host) {
    support::ServerSettings settings;
    settings.host = network_->address(host);
    settings.enter = network_->enter(host);
    settings.port = static_cast<std::uint16_t>(kPortOnHosts + host);
    settings.flags = {"--public-status", "--advertise",
                      settings.host + ":" + std::to_string(settings.port)};
    add(settings);
  }
  launch_all();
}

void ClusterTest::add(support::ServerSettings settings) {
  settings.state_folder = folder_.path();
  prepare(instances_.size(), settings);
  instances_.push_back(std::make_unique<support::ServerProcess>(settings));
}

void ClusterTest::launch_all() {
  for (const auto& instance : instances_) {
    std::string peers;
    for (const auto& other : instances_) {
      if (other == instance) continue;
      peers += (peers.empty() ? "" : ",") + other->endpoint();
    }
    std::vector<std::string>& flags = instance->settings().flags;
    if (!peers.empty()) flags.insert(flags.end(), {"--peers", peers});
    instance->launch();
  }
  for (const auto& instance : instances_) {
    const base::Status healthy = instance->wait_healthy();
    ASSERT_TRUE(healthy.ok()) << healthy.error().message;
  }
}

void ClusterTest::start(std::size_t instance) {
  const base::Status started = instances_[instance]->start();
  ASSERT_TRUE(started.ok()) << started.error().message;
}

std::string ClusterTest::status(std::size_t instance, const std::string& pointer) const {
  const support::HttpReply reply = instances_[instance]->get("/status");
  return reply.status == 200 ? e2e::json_at(reply.body, pointer) : std::string();
}

std::optional<std::size_t> ClusterTest::leader() const {
  std::string agreed;
  for (std::size_t i = 0; i < count(); ++i) {
    if (!instances_[i]->process().running()) continue;
    const std::string says = status(i, "/leader");
    if (says.empty() || (!agreed.empty() && says != agreed)) return std::nullopt;
    agreed = says;
  }
  for (std::size_t i = 0; i < count(); ++i) {
    const bool leads = instances_[i]->endpoint() == agreed && instances_[i]->process().running();
    if (leads && status(i, "/role") == "leader") return i;
  }
  return std::nullopt;
}

std::size_t ClusterTest::wait_for_leader(std::int64_t within_ms) {
  std::optional<std::size_t> found;
  support::wait_until([&] { return (found = leader()).has_value(); }, within_ms, 10);
  EXPECT_TRUE(found.has_value()) << "no leader that all agree on within " << within_ms << " ms";
  return found.value_or(count());
}

void ClusterTest::have_first_lead() {
  const auto leads = [&] {
    const std::optional<std::size_t> now = leader();
    if (now && *now != 0) (void)ml_guard(*now, {"leader", "transfer", at(0).endpoint()});
    return now == 0U;
  };
  ASSERT_TRUE(support::wait_until(leads, kSettledWithinMs, 20)) << "the first does not lead";
}

void ClusterTest::expect_agreement() {
  const auto at_one = [&](const std::string& pointer) {
    std::string agreed;
    for (std::size_t i = 0; i < count(); ++i) {
      if (!instances_[i]->process().running()) continue;
      const std::string says = status(i, pointer);
      if (says.empty() || (!agreed.empty() && says != agreed)) return false;
      agreed = says;
    }
    return !agreed.empty();
  };
  EXPECT_TRUE(support::wait_until(
      [&] { return at_one("/revision") && at_one("/digest") && at_one("/state_digest"); },
      kSettledWithinMs, 50))
      << "the instances do not come to one state";
}

std::unique_ptr<etcd_client::Client> ClusterTest::client(std::size_t instance,
                                                         etcd_client::Consistency reads,
                                                         std::int64_t deadline_ms) const {
  etcd_client::ClientOptions options;
  options.endpoints = {instances_[instance]->endpoint()};
  options.credential_path = instances_[instance]->operator_key();
  options.reads = reads;
  options.call_deadline = std::chrono::milliseconds(deadline_ms);
  auto opened = etcd_client::Client::open(options);
  EXPECT_TRUE(opened.ok()) << opened.error().message;
  return opened.ok() ? std::move(*opened) : nullptr;
}

support::CommandResult ClusterTest::ml_guard(std::size_t instance,
                                             std::vector<std::string> arguments) const {
  return support::ml_guard(*instances_[instance], std::move(arguments));
}

std::string document_of(const std::string& value) { return "{\"v\":\"" + value + "\"}"; }

std::string value_of(const std::string& document) { return e2e::json_at(document, "/v"); }

}  // namespace mlguard::cluster
