// EndpointSet: every endpoint that a Client knows, and which of them to ask first. The configured
// ones are never forgotten; the others are the cluster's members as the newest handshake named
// them, so that a client given one live endpoint finds the rest, and removed members go.
//
// Threads: any. A Target outlives its place in the set for as long as a call holds it. The set
// itself outlives all calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "connection_pool.h"
#include "endpoint_session.h"
#include "etcd_client/client.h"
#include "wire/endpoint.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

// Configured and learnt together, unless more are configured.
inline constexpr std::size_t kEndpointsMax = 16;
// An endpoint that could not be reached is asked after all others for so long …
inline constexpr milliseconds kUnreachableFor{10'000};
// … and, when finding that out took longer than this, only if there are no others.
inline constexpr milliseconds kSlowFailure{200};
// While nobody is known to lead, a client that has something for the leader asks again so often.
inline constexpr milliseconds kAskForLeaderEvery{3'000};

// One endpoint, with what is needed to talk to it.
class Target {
 public:
  Target(wire::Endpoint endpoint, const Introduction& introduction)
      : text_(endpoint.text()), pool(std::move(endpoint)), session(introduction) {}
  const std::string& text() const { return text_; }  // "host:port"

 private:
  friend class EndpointSet;
  const std::string text_;
  std::int64_t unreachable_until_ms_ = 0;  // Guarded by the set's mutex, as the next.
  bool fails_slowly_ = false;

 public:
  ConnectionPool pool;
  EndpointSession session;
};
using TargetPtr = std::shared_ptr<Target>;  // Shared by the set and the calls under way.

// Whom a call is for.
enum class Aim {
  leader,  // What only the leader may do: asked directly, it need not be forwarded.
  nearby,  // What anybody may answer: whoever answered last, so that its connections stay warm.
};

class EndpointSet {
 public:
  EndpointSet(std::vector<wire::Endpoint> configured, Discovery discovery,
              Introduction introduction, const base::Clock& clock);

  // Whom to ask in one round, in this order; never those of `without`. Empty when none is left.
  std::vector<TargetPtr> round(Aim aim, const std::vector<TargetPtr>& without) const;

  // What a handshake said: replaces what was learnt before.
  void learn(const wire::HandshakeWelcome& welcome);
  // An answer named the leader.
  void learn_leader(std::string_view leader);
  // True when the newest handshake named no leader and another one may do so by now.
  bool should_ask_for_leader() const;

  void answered(const TargetPtr& target, Aim aim);
  void unreachable(const TargetPtr& target, milliseconds took);
  // It said that it does not lead, or cannot.
  void not_leading(const TargetPtr& target);
  // The one that is asked first for what anybody may answer lags behind: others go first now.
  void leave_nearby();

  // Breaks off all calls, now and from now on.
  void stop();
  // The one that answered last; the first configured one before that.
  TargetPtr last_answered() const;
  // "a:1, b:2"
  std::string text() const;
  // The same as a list.
  std::vector<std::string> texts() const;

 private:
  std::vector<TargetPtr> all() const;
  const Target* first_for(Aim aim, const std::vector<TargetPtr>& list) const;
  bool is_unreachable(const Target& target) const;
  void set_leader(std::string_view leader);
  void replace_learnt(const std::vector<std::string>& texts);
  TargetPtr find_or_make(const wire::Endpoint& endpoint);

  const Introduction introduction_;
  const Discovery discovery_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;                    // Guards all below.
  std::vector<TargetPtr> configured_;           // Never changes.
  std::vector<TargetPtr> learnt_;               // None of them configured.
  std::vector<std::weak_ptr<Target>> retired_;  // Forgotten, but calls may still wait there.
  TargetPtr last_;
  TargetPtr nearby_;
  std::string leader_;            // As members call it; empty: not known.
  bool is_cluster_ = false;       // A handshake has named members.
  std::int64_t asked_at_ms_ = 0;  // When a handshake last told of the leader.
  bool stopped_ = false;
};

}  // namespace mlguard::etcd_client
