#include "live.h"

#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "support/private_network.h"

namespace mlguard::e2e {

using base::Role;
using etcd_client::Client;
using support::http_get;

namespace {

constexpr std::size_t kLogCharsShown = 6'000;

// A sniffer or a firewall of a test run by root must not touch this machine's interfaces: the ports
// of the servers are then those of a network without any.
support::ServerSettings in_private_network() {
  if (geteuid() == 0) {
    const std::string problem = support::enter_private_network();
    EXPECT_EQ(problem, "");
  }
  return {};
}

}  // namespace

LiveServerTest::LiveServerTest() : server_(in_private_network()) {}

std::vector<std::pair<std::string, std::string>> LiveServerTest::agent_environment() const {
  auto environment = server_.environment();
  environment.emplace_back("MLGUARD_PIN_FOLDER", pins_.path());
  return environment;
}

void LiveServerTest::TearDown() {
  if (!HasFailure()) return;
  const std::string log = server_.log();
  const std::size_t begin = log.size() > kLogCharsShown ? log.size() - kLogCharsShown : 0;
  std::printf("---- the server's log ends with ----\n%s\n", log.c_str() + begin);
}

void LiveServerTest::start(std::vector<std::string> flags) {
  if (!flags.empty()) server_.settings().flags = std::move(flags);
  const base::Status started = server_.start();
  ASSERT_TRUE(started.ok()) << started.error().message;
}

std::unique_ptr<Client> open_client(const std::string& credential, const std::string& endpoint,
                                    std::int64_t deadline_ms) {
  etcd_client::ClientOptions options;
  options.endpoints = {endpoint};
  options.credential_path = credential;
  options.client_name = "e2e/0.1.0";
  options.call_deadline = std::chrono::milliseconds(deadline_ms);
  base::Result<std::unique_ptr<Client>> client = Client::open(options);
  if (client) return std::move(*client);
  ADD_FAILURE() << "no client with " << credential << ": " << client.error().message;
  return nullptr;
}

std::unique_ptr<Client> LiveServerTest::operator_client(std::int64_t deadline_ms) {
  return open_client(server_.operator_key(), server_.endpoint(), deadline_ms);
}

std::string LiveServerTest::make_token(Role role, const std::string& component, int uses,
                                       int ttl_s) {
  const std::unique_ptr<Client> admin = operator_client();
  if (!admin) return {};
  nlohmann::json body = {{"role", base::to_string(role)}, {"uses", uses}, {"ttl_s", ttl_s}};
  if (!component.empty()) body["component"] = component;
  const auto answer = admin->call({"POST", "/v1/tokens", body.dump(), {}});
  if (!answer || answer->status != 200) {
    ADD_FAILURE() << "no token: " << (answer ? answer->body : answer.error().message);
    return {};
  }
  return json_at(answer->body, "/token");
}

std::string LiveServerTest::credential_path(const std::string& name) const {
  return folder_ / (name + ".credential");
}

std::string LiveServerTest::enrol(Role role, const std::string& name) {
  const std::string path = credential_path(name);
  etcd_client::ClientOptions options;
  options.endpoints = {server_.endpoint()};
  const base::Status enrolled = etcd_client::enrol(options, make_token(role), name, path);
  EXPECT_TRUE(enrolled.ok()) << enrolled.error().message;
  return path;
}

std::unique_ptr<Client> LiveServerTest::agent_client(Role role, const std::string& name) {
  return open_client(enrol(role, name), server_.endpoint());
}

support::Process LiveServerTest::start_agent(const std::string& binary, const std::string& name,
                                             std::vector<std::string> flags) {
  const base::Result<Role> role = base::parse_role(binary);
  support::ProcessOptions options;
  options.arguments = {support::binary(binary),
                       "--endpoints",
                       server_.endpoint(),
                       "--name",
                       name,
                       "--credentials",
                       credential_path(name),
                       "--join",
                       make_token(*role, name)};
  options.arguments.insert(options.arguments.end(), flags.begin(), flags.end());
  options.environment = agent_environment();
  return support::Process::start(options);
}

std::string LiveServerTest::page(const std::string& target) const {
  const support::HttpReply reply = http_get(server_.port(), target);
  return reply.status == 200 ? reply.body : std::string();
}

std::optional<double> LiveServerTest::metric(const std::string& series) const {
  const std::string text = "\n" + page("/metrics");
  const std::size_t at = text.find("\n" + series + " ");
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(text.c_str() + at + series.size() + 2, nullptr);
}

std::string LiveServerTest::health_of(const std::string& component) const {
  return json_at(page("/health"), "/components/" + component + "/status");
}

bool LiveServerTest::server_is_well() {
  const std::unique_ptr<Client> admin = operator_client();
  if (!admin || page("/health").empty()) return false;
  const std::string document = config_document(200, static_cast<int>(server_.port()));
  const auto put = admin->put_config("rag", document);
  const auto got = admin->get_config("rag");
  return put.ok() && got.ok() && got->document == document;
}

std::string json_at(std::string_view json, const std::string& pointer) {
  const nlohmann::json value = nlohmann::json::parse(json, nullptr, false);
  const nlohmann::json::json_pointer path(pointer);
  if (value.is_discarded() || !value.contains(path)) return {};
  const nlohmann::json& found = value.at(path);
  if (found.is_null()) return {};
  return found.is_string() ? found.get<std::string>() : found.dump();
}

bool is_json(std::string_view text) { return nlohmann::json::accept(text); }

std::size_t json_array_size(std::string_view json, const std::string& pointer) {
  const nlohmann::json value = nlohmann::json::parse(json, nullptr, false);
  const nlohmann::json::json_pointer path(pointer);
  if (value.is_discarded() || !value.contains(path)) return 0;
  return value.at(path).is_array() ? value.at(path).size() : 0;
}

std::string config_document(std::size_t bytes, int seed) {
  std::string text = "{\"seed\":" + std::to_string(seed);
  int line = 0;
  const auto add = [&text](const std::string& more) { text += more; };
  while (text.size() + 80 < bytes) {
    add(",\"interface_" + std::to_string(line++) + "\":{\"enabled\":true,\"sampling\":64}");
  }
  const std::string open = ",\"note\":\"";
  const std::string close = "\"}";
  text += open;
  text.append(bytes - text.size() - close.size(), '.');
  return text + close;
}

base::Rule rule_of(const std::string& id, const std::string& cidr) {
  base::Rule rule;
  rule.id = id;
  rule.cidr = cidr;
  rule.reason = "e2e";
  rule.score = 1;
  return rule;
}

}  // namespace mlguard::e2e
