// ml-guard inside the test, against FakeServers that answer what the contract of
// docs/wire-format.md says of a cluster of three.
#pragma once

#include "client_fixture.h"
#include "run_cli.h"
#include "wire/cluster_messages.h"

namespace mlguard::cli {

class ClusterFixture : public test::ClientFixture {
 protected:
  using Answers = std::map<std::string, std::string>;  // "GET /path", without the query → body

  ~ClusterFixture() override { servers_.clear(); }  // They answer from what stands below.

  // `count` servers of one cluster, the first of them leading; every one answers from `answers_`,
  // then from own_answers_ of its place.
  void start_cluster(std::size_t count) {
    own_answers_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      add_server([this, i](const test::FakeRequest& request) { return answer(i, request); });
    }
    introduce_all(endpoints()[0]);
    wire::MemberList list{5, endpoints()[0], 7, {}};
    for (std::size_t i = 0; i < count; ++i) {
      list.members.push_back({endpoints()[i], wire::MemberKind::voter, i == 0, 1'234 - i, i,
                              static_cast<std::int64_t>(i) * 40});
      set_status(i, {1'234, "history", "rows"});
    }
    set_members(list);
  }

  void set_members(const wire::MemberList& list) {
    const std::lock_guard lock(mutex_);
    members_ = list;
    answers_["GET /v1/members"] = wire::encode(list);
  }

  struct State {
    std::uint64_t revision = 0;
    std::string digest;
    std::string state_digest;
  };
  void set_status(std::size_t instance, const State& state) {
    wire::NodeStatus status;
    status.node = "n" + std::to_string(instance);
    status.address = endpoints()[instance];
    status.role = instance == 0 ? "leader" : "follower";
    status.leader = endpoints()[0];
    status.term = 7;
    status.revision = state.revision;
    status.committed = state.revision - 1;
    status.age_ms = instance == 0 ? 0 : 120;
    status.digest = state.digest;
    status.state_digest = state.state_digest;
    set_status(instance, status);
  }
  void set_status(std::size_t instance, wire::NodeStatus status) {
    const std::lock_guard lock(mutex_);
    for (const wire::MemberInfo& member : members_.members) {
      if (member.address != status.address) status.peers.push_back(member);
    }
    own_answers_[instance]["GET /status"] = wire::encode(status);
  }
  void set_answer(const std::string& request, const std::string& body) {
    const std::lock_guard lock(mutex_);
    answers_[request] = body;
  }

  test::FakeAnswer answer(std::size_t instance, const test::FakeRequest& request) {
    const std::string what =
        request.method + " " + request.target.substr(0, request.target.find('?'));
    const std::lock_guard lock(mutex_);
    for (const Answers* answers : {&own_answers_[instance], &answers_}) {
      const auto found = answers->find(what);
      if (found == answers->end()) continue;
      test::FakeAnswer answer;
      answer.message.body = found->second;
      answer.message.fields = {{"age-ms", "120"}};
      return answer;
    }
    return error_answer({base::ErrorCode::not_found, "no_route", "there is no " + what});
  }

  Outcome run(std::vector<std::string> arguments, const std::string& input = {},
              Input from = Input::pipe) const {
    return run_at(endpoints()[0], std::move(arguments), input, from);
  }
  Outcome run_at(const std::string& endpoints, std::vector<std::string> arguments,
                 const std::string& input = {}, Input from = Input::pipe) const {
    Environment environment;
    environment.variables["XDG_CONFIG_HOME"] = folder_.string();
    arguments.insert(arguments.end(),
                     {"--endpoints", endpoints, "--credentials", credential_path()});
    return run_cli(arguments, environment, input, from);
  }

  // "METHOD target body" of all that was handled anywhere, but for GETs.
  std::vector<std::string> writes() const {
    std::vector<std::string> all;
    for (const auto& server : servers_) {
      for (const test::FakeRequest& request : server->handled()) {
        if (request.method == "GET") continue;
        all.push_back(request.method + " " + request.target + " " + request.message.body);
      }
    }
    return all;
  }

  std::mutex mutex_;  // Guards all below.
  wire::MemberList members_;
  Answers answers_;
  std::vector<Answers> own_answers_;
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace mlguard::cli
