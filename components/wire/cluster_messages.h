// Messages about the cluster itself: its members, its leader, what one instance says about its own
// state, and what lost a merge. They go by the rules of messages.h; docs/wire-format.md ("The
// cluster's part of the API") says where each travels. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::wire {

inline constexpr std::size_t kMembersMax = 64;
inline constexpr std::size_t kConflictsMax = 1'000;  // in one answer
// The longest document, every character of it escaped.
inline constexpr std::size_t kConflictRowBytesMax = 10 * 1024 * 1024;
inline constexpr std::size_t kConflictKeyCharsMax = 1'000;

enum class MemberKind { voter, learner };
const char* to_string(MemberKind kind);

// A number is absent where the instance that answers cannot know it: only the leader does.
struct MemberInfo {
  std::string address;  // "host:port", as the others call it
  MemberKind kind = MemberKind::voter;
  bool leader = false;
  std::optional<std::uint64_t> match{};     // the revision known to be durable there
  std::optional<std::uint64_t> lag{};       // how many revisions it is behind
  std::optional<std::int64_t> silent_ms{};  // since it was last heard
};

// GET /v1/members
struct MemberList {
  std::uint64_t revision = 0;  // of the last change of members; 0: as the cluster started
  std::string leader;
  std::uint64_t term = 0;
  std::vector<MemberInfo> members;
};
std::string encode(const MemberList& list);
base::Result<MemberList> decode_members(std::string_view json);

// POST /v1/members {"address","learner"}; invalid_field unless the address is "host:port".
struct MemberChange {
  std::string address;
  bool learner = false;  // true: it stays one
};
std::string encode(const MemberChange& change);
base::Result<MemberChange> decode_member_change(std::string_view json);

// POST /v1/leader {"to"} → {"status":"ok","leader"}
struct LeaderTransfer {
  std::string to;
};
struct LeaderReply {
  std::string leader;
};
std::string encode(const LeaderTransfer& transfer);
std::string encode(const LeaderReply& reply);
base::Result<LeaderTransfer> decode_leader_transfer(std::string_view json);
base::Result<LeaderReply> decode_leader_reply(std::string_view json);

// GET /status: what one instance knows of itself and the others. The server adds fields of its own
// to what encode() makes; whoever decodes ignores them.
struct NodeStatus {
  std::string node;     // its random id
  std::string address;  // what the others call it
  std::string role;     // leader, follower, candidate, learner
  std::string leader;   // empty (null on the wire) while it knows of none
  std::uint64_t term = 0;
  std::uint64_t revision = 0;
  std::uint64_t committed = 0;
  std::int64_t age_ms = 0;        // since it last heard its leader; 0 on the leader
  std::string digest;             // of the history up to `revision`
  std::string state_digest;       // of the rows at `revision`
  std::vector<MemberInfo> peers;  // all members but itself
};
std::string encode(const NodeStatus& status);
base::Result<NodeStatus> decode_node_status(std::string_view json);

// GET /v1/conflicts?limit=N&offset=N → {"conflicts":[…]}, newest first.
struct ConflictInfo {
  std::string table;
  std::string key;
  std::string reason;  // older, overwritten, compare-and-set, clock ahead, membership
  std::int64_t recorded_at_ms = 0;
  std::string lost;  // the row that is not in force, as a JSON object
  std::int64_t lost_at_ms = 0;
  std::string lost_by;  // who wrote it
  std::string kept;     // the row in force, as a JSON object; empty (null on the wire): deleted
};
std::string encode_conflicts(const std::vector<ConflictInfo>& conflicts);
base::Result<std::vector<ConflictInfo>> decode_conflicts(std::string_view json);

}  // namespace mlguard::wire
