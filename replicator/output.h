// What comes out of the core after an input: things to do, in order. Passive data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "replicator/messages.h"
#include "replicator/storage.h"
#include "replicator/types.h"

namespace mlguard::replicator {

enum class AnswerKind {
  done,        // Writes: as durable as their Ack asked for. Reads: confirmed, hand the result out.
  refused,     // The store said no, and that is confirmed: see detail.
  not_leader,  // Not done and never will be. Ask `leader` if that is not empty.
  busy,        // Not done: a queue is full or leadership is being handed over. Retry.
  failed,      // Not done: the disk refused. See detail.
  unknown,     // Perhaps done, perhaps not. Retry with the same request id.
};
const char* to_string(AnswerKind kind);

struct Answer {
  std::uint64_t id = 0;
  AnswerKind kind = AnswerKind::unknown;
  Revision revision = 0;
  Term term = 0;
  NodeId leader;
  std::string detail;
};

// Things that must never happen, or that an operator should see.
enum class AlarmKind {
  two_leaders,        // Another node leads in our term.
  committed_differs,  // The leader's history differs from ours where ours is committed.
  entries_mismatch,   // The leader's entries did not continue our log.
  storage_refused,    // The disk refused a command.
};
const char* to_string(AlarmKind kind);
struct Alarm {
  AlarmKind kind = AlarmKind::storage_refused;
  std::string detail;
};

struct Output {
  std::vector<StorageCommand> storage;
  std::vector<Message> messages;
  std::vector<Answer> answers;
  std::vector<Alarm> alarms;
};

struct PeerStatus {
  NodeId id;
  MemberKind kind = MemberKind::voter;
  Revision match = 0;  // Known to be durable there.
  std::int64_t silent_ms = 0;
};

enum class FollowMode { fetching, probing, installing };
const char* to_string(FollowMode mode);

struct CoreStatus {
  NodeId self;
  Role role = Role::follower;
  Term term = 0;
  NodeId leader;  // Empty: unknown.
  Position tail;  // Durable here.
  Revision committed = 0;
  bool opened = false;  // Leader: its first entry is durable.
  FollowMode mode = FollowMode::fetching;
  Membership membership;
  std::vector<PeerStatus> peers;      // Leader only.
  std::int64_t leader_silent_ms = 0;  // Follower: since the leader was heard; 0 on the leader.
};

}  // namespace mlguard::replicator
