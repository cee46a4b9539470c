// SessionTable: the sealed sessions of this instance. A session begins with a handshake and ends
// when it has been idle, when its key is revoked, or to make room: bounded in number, over all and
// for each key.
//
// Threads: any. Sessions are shared between the table and the requests in flight, which may outlast
// their place in it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"
#include "wire/channel.h"

namespace mlguard::server {

inline constexpr std::size_t kSessionsMax = 16'384;
// No key may take the whole table: beyond this its least recently used session ends.
inline constexpr std::size_t kSessionsPerKeyMax = kSessionsMax / 2;
inline constexpr std::int64_t kSessionIdleMs = 300'000;
// A handshake whose client never sent a first message (a replayed message 1, for one).
inline constexpr std::int64_t kUnprovenIdleMs = 30'000;
inline constexpr int kSessionPendingMax = 64;  // requests being handled, long polls not counted
inline constexpr int kSessionWaitingMax = 64;  // long polls

// Who is at the other end.
struct Identity {
  base::Role role = base::Role::sniffer;
  std::string name;       // For logs and the audit trail.
  std::string key;        // Hex of the static public key.
  std::string component;  // Empty: any name that fits the role.
};

class Session {
 public:
  // What happens on the first message that opens: nothing more, or the token's use.
  enum class State { unproven, enrolling, ready, ended };

  Session(wire::ServerChannel channel_in, Identity identity_in, std::string token_id_in)
      : channel(std::move(channel_in)),
        identity(std::move(identity_in)),
        token_id(std::move(token_id_in)) {}

  const std::string& id() const { return channel.session_id(); }

  wire::ServerChannel channel;
  const Identity identity;
  const std::string token_id;  // Empty unless this session enrols.
  std::atomic<State> state = State::unproven;
  std::atomic<std::int64_t> last_use_ms = 0;  // Monotonic.
  std::atomic<int> pending = 0;
  std::atomic<int> waiting = 0;

  // While enrolling: what to do once that is settled. true: taken; false: already settled.
  bool wait_for_enrolment(std::function<void(const base::Status&)> then);
  // Settles it: ready or ended, then everything that waited, on the calling thread.
  void enrolled(const base::Status& status);

 private:
  std::mutex mutex_;
  std::vector<std::function<void(const base::Status&)>> after_enrolment_;  // Guarded by mutex_.
};

struct SessionLimits {
  std::size_t sessions_max = kSessionsMax;
  std::size_t per_key_max = kSessionsPerKeyMax;
  std::int64_t idle_ms = kSessionIdleMs;
  std::int64_t unproven_idle_ms = kUnprovenIdleMs;
};

class SessionTable {
 public:
  using Pointer = std::shared_ptr<Session>;
  // Told of every session that ends, after it has left the table; not under a lock.
  using OnEnd = std::function<void(const Pointer&)>;

  SessionTable(const SessionLimits& limits, const base::Clock& clock, OnEnd on_end);

  // Counts revocations: read it before looking an identity up, and give it to add().
  std::uint64_t epoch() const { return epoch_; }
  // Errors: resource_exhausted / "too_many_sessions"; unavailable / "revoked_meanwhile" when a key
  // was revoked since `epoch` (look the identity up again).
  base::Status add(const Pointer& session, std::uint64_t epoch);
  // nullptr when there is none; counts as use.
  Pointer find(std::string_view id);
  // Ends all sessions of a revoked key. How many there were.
  std::size_t end_of_key(const std::string& key);
  void end(const Pointer& session);
  // Ends those idle for too long. A waiting long poll, or a request in flight, counts as use.
  void expire();
  std::size_t size() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Ended = std::vector<Pointer>;

  bool idle(const Session& session, std::int64_t now_ms) const;
  void remove(const Pointer& session, Ended& ended);
  void make_room(const std::string& key, std::int64_t now_ms, Ended& ended);
  void remove_oldest_of(const std::string& key, Ended& ended);
  void tell(const Ended& ended) const;

  const SessionLimits limits_;
  const base::Clock& clock_;
  const OnEnd on_end_;
  std::atomic<std::uint64_t> epoch_ = 0;
  mutable std::shared_mutex mutex_;
  // Both guarded by mutex_.
  std::unordered_map<std::string, Pointer, Hash, std::equal_to<>> by_id_;
  std::unordered_map<std::string, std::vector<Pointer>> by_key_;
};

}  // namespace mlguard::server
