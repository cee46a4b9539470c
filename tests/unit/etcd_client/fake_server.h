// FakeServer: an etcd-server for tests of the client, on a loopback port, that speaks the real
// handshake and the real sealed frames and fails in exactly the way and order that a test asks for.
//
// Threads: the test's thread steers it; each connection is served by a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "wire/channel.h"

namespace mlguard::test {

// What goes wrong with one transport request.
enum class Fault {
  none,
  drop_before,      // The connection ends; the request was never handled.
  drop_after,       // The request is handled; the connection ends before the answer.
  unavailable,      // 503 no_leader, sealed, with Retry-After.
  no_session,       // 401 in the clear, and all sessions are forgotten.
  replayed,         // 401 "replayed" in the clear.
  garbage,          // Bytes that are no HTTP.
  plain_ok,         // 200 without a seal.
  damaged_seal,     // One bit of the answer is turned over.
  outcome_unknown,  // 504, sealed, after the request was handled.
  never_answer,     // The connection stays open and silent.
};

struct FakeRequest {
  std::string method;
  std::string target;
  wire::Message message;
};

struct FakeAnswer {
  int status = 200;
  wire::Message message;
};

class FakeServer {
 public:
  using Handler = std::function<FakeAnswer(const FakeRequest&)>;

  // port 0: any free one.
  explicit FakeServer(const wire::KeyPair& cluster, Handler handler, int port = 0);
  ~FakeServer();
  // The handler is not called after this. Idempotent.
  void stop();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }

  // The next transport requests suffer these, one each.
  void inject(std::vector<Fault> faults);
  // Every handshake is refused with that status and error until it is called with 200.
  void refuse_handshakes(int status, std::string reason);
  // Clients that come with this token id need this psk.
  void expect_token(std::string token_id, const wire::Key& psk);
  // From now on a client without token must have enrolled with one before.
  void trust_only_enrolled();
  void forget_sessions();
  // From now on handshakes name these instances and this leader.
  void introduce(std::vector<std::string> endpoints, std::string leader);
  // Answers no_leader to everything while it is true.
  void set_leaderless(bool leaderless) { leaderless_ = leaderless; }
  void slow_handshakes(int by_ms) { handshake_delay_ms_ = by_ms; }

  // Requests whose seal was opened and that were handed to the handler, in order.
  std::vector<FakeRequest> handled() const;
  int handshakes() const { return handshakes_; }
  int connections() const { return accepted_; }

  // Wakes handlers that wait in hold(); true while the server should go on.
  bool hold(int ms);
  void release_holds();

 private:
  struct Raw;  // One HTTP request.
  void accept_loop();
  void serve(int fd);
  bool answer_session(int fd, const Raw& raw);
  bool answer_sealed(int fd, const Raw& raw);
  Fault next_fault();

  const wire::KeyPair cluster_;
  const Handler handler_;
  int port_ = 0;
  base::UniqueFd listener_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> handshakes_ = 0;
  std::atomic<int> accepted_ = 0;
  std::atomic<int> handshake_delay_ms_ = 0;
  std::atomic<bool> leaderless_ = false;
  mutable std::mutex mutex_;  // Guards all below.
  std::condition_variable held_;
  std::uint64_t releases_ = 0;
  std::deque<Fault> faults_;
  std::vector<FakeRequest> handled_;
  std::map<std::string, std::shared_ptr<wire::ServerChannel>> sessions_;
  std::map<std::string, wire::Key> tokens_;
  bool trusts_everyone_ = true;
  std::map<std::string, std::string> enrolling_;  // session → public key, hex
  std::set<std::string> enrolled_;                // public keys, hex
  int refuse_status_ = 200;
  std::string refuse_reason_;
  std::vector<std::string> endpoints_;
  std::string leader_;
  std::vector<int> open_fds_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// A field of a message, or "".
std::string field_of(const wire::Message& message, std::string_view name);

}  // namespace mlguard::test
