// What is said about the cluster: members, leader, the state of one instance, conflicts.
#include <nlohmann/json.hpp>

#include "base/time_format.h"
#include "wire/channel.h"
#include "wire/cluster_messages.h"
#include "wire/endpoint.h"
#include "wire/json_reader.h"

namespace mlguard::wire {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Exactly as members call each other, so that one member never has two names.
void read_address(ObjectReader& reader, const char* name, std::string& out) {
  std::string text;
  reader.text(name, text, {1, kTextCharsMax}, Presence::required);
  if (text.empty()) return;
  const auto endpoint = parse_endpoint(text);
  if (!endpoint.ok() || endpoint->text() != text) {
    return reader.fail(name, "must be an address with its port, as 10.0.0.1:2379");
  }
  out = std::move(text);
}

template <class Number>
Json number_or_null(const std::optional<Number>& number) {
  return number ? Json(*number) : Json();
}

void read_number(ObjectReader& reader, const char* name, std::optional<std::uint64_t>& out) {
  if (!reader.has(name)) return;
  reader.whole(name, out.emplace(), Presence::required);
}

// A row is the text of a JSON object. Other text travels as a JSON string, which the other side
// refuses by the field's name; no text at all as null.
Json row_json(const std::string& row) {
  if (row.empty()) return {};
  Json parsed = Json::parse(row, nullptr, false);
  return parsed.is_object() ? parsed : Json(row);
}

Json members_json(const std::vector<MemberInfo>& members) {
  Json list = Json::array();
  for (const MemberInfo& member : members) {
    list.push_back({{"address", member.address},
                    {"kind", to_string(member.kind)},
                    {"leader", member.leader},
                    {"match", number_or_null(member.match)},
                    {"lag", number_or_null(member.lag)},
                    {"silent_ms", number_or_null(member.silent_ms)}});
  }
  return list;
}

void read_member(ObjectReader& item, MemberInfo& member) {
  read_address(item, "address", member.address);
  std::string kind;
  item.text("kind", kind, {1, kNameCharsMax}, Presence::required);
  member.kind = kind == to_string(MemberKind::learner) ? MemberKind::learner : MemberKind::voter;
  if (kind != to_string(member.kind)) item.fail("kind", "must be voter or learner");
  item.boolean("leader", member.leader, Presence::optional);
  read_number(item, "match", member.match);
  read_number(item, "lag", member.lag);
  if (item.has("silent_ms")) {
    item.whole("silent_ms", member.silent_ms.emplace(), 0, kWholeMax, Presence::required);
  }
}

void read_members(ObjectReader& root, const char* name, std::vector<MemberInfo>& out,
                  Presence presence) {
  root.objects(name, kMembersMax, presence,
               [&out](ObjectReader& item) { read_member(item, out.emplace_back()); });
}

}  // namespace

const char* to_string(MemberKind kind) { return kind == MemberKind::voter ? "voter" : "learner"; }

// ---- Members -------------------------------------------------------------------------------

std::string encode(const MemberList& list) {
  return dump({{"revision", list.revision},
               {"leader", list.leader.empty() ? Json() : Json(list.leader)},
               {"term", list.term},
               {"members", members_json(list.members)}});
}

base::Result<MemberList> decode_members(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  MemberList list;
  root.whole("revision", list.revision, Presence::required);
  root.text("leader", list.leader, {}, Presence::optional);
  root.whole("term", list.term, Presence::required);
  read_members(root, "members", list.members, Presence::required);
  if (!document.status().ok()) return document.status().error();
  return list;
}

std::string encode(const MemberChange& change) {
  return dump({{"address", change.address}, {"learner", change.learner}});
}

base::Result<MemberChange> decode_member_change(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  MemberChange change;
  read_address(root, "address", change.address);
  root.boolean("learner", change.learner, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  return change;
}

// ---- The leader ----------------------------------------------------------------------------

std::string encode(const LeaderTransfer& transfer) { return dump({{"to", transfer.to}}); }

base::Result<LeaderTransfer> decode_leader_transfer(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  LeaderTransfer transfer;
  read_address(root, "to", transfer.to);
  if (!document.status().ok()) return document.status().error();
  return transfer;
}

std::string encode(const LeaderReply& reply) {
  return dump({{"status", "ok"}, {"leader", reply.leader}});
}

base::Result<LeaderReply> decode_leader_reply(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  LeaderReply reply;
  read_address(root, "leader", reply.leader);
  if (!document.status().ok()) return document.status().error();
  return reply;
}

// ---- One instance --------------------------------------------------------------------------

std::string encode(const NodeStatus& status) {
  return dump({{"node", status.node},
               {"address", status.address},
               {"role", status.role},
               {"leader", status.leader.empty() ? Json() : Json(status.leader)},
               {"term", status.term},
               {"revision", status.revision},
               {"committed", status.committed},
               {"age_ms", status.age_ms},
               {"digest", status.digest},
               {"state_digest", status.state_digest},
               {"peers", members_json(status.peers)}});
}

base::Result<NodeStatus> decode_node_status(std::string_view text) {
  JsonDocument document(text, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  NodeStatus status;
  root.text("node", status.node, {0, kNameCharsMax}, Presence::required);
  root.text("address", status.address, {}, Presence::required);
  root.text("role", status.role, {1, kNameCharsMax}, Presence::required);
  root.text("leader", status.leader, {}, Presence::optional);
  root.whole("term", status.term, Presence::required);
  root.whole("revision", status.revision, Presence::required);
  root.whole("committed", status.committed, Presence::required);
  root.whole("age_ms", status.age_ms, 0, kWholeMax, Presence::optional);
  root.text("digest", status.digest, {0, kDigestCharsMax}, Presence::optional);
  root.text("state_digest", status.state_digest, {0, kDigestCharsMax}, Presence::optional);
  read_members(root, "peers", status.peers, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  return status;
}

// ---- Conflicts -----------------------------------------------------------------------------

std::string encode_conflicts(const std::vector<ConflictInfo>& conflicts) {
  Json list = Json::array();
  for (const ConflictInfo& conflict : conflicts) {
    list.push_back({{"table", conflict.table},
                    {"key", conflict.key},
                    {"reason", conflict.reason},
                    {"recorded_at", base::iso_time(conflict.recorded_at_ms)},
                    {"lost", row_json(conflict.lost)},
                    {"lost_at", base::iso_time(conflict.lost_at_ms)},
                    {"lost_by", conflict.lost_by},
                    {"kept", row_json(conflict.kept)}});
  }
  return dump({{"conflicts", std::move(list)}});
}

base::Result<std::vector<ConflictInfo>> decode_conflicts(std::string_view text) {
  JsonDocument document(text, kPlainBodyBytesMax, kLargeJsonValuesMax);
  ObjectReader root = document.root();
  std::vector<ConflictInfo> conflicts;
  root.objects("conflicts", kConflictsMax, Presence::required, [&conflicts](ObjectReader& item) {
    ConflictInfo& conflict = conflicts.emplace_back();
    item.text("table", conflict.table, {1, kNameCharsMax}, Presence::required);
    item.text("key", conflict.key, {0, kConflictKeyCharsMax}, Presence::required);
    item.text("reason", conflict.reason, {1, kNameCharsMax}, Presence::required);
    item.time("recorded_at", conflict.recorded_at_ms, Presence::required);
    item.json_object("lost", conflict.lost, kConflictRowBytesMax, Presence::required);
    item.time("lost_at", conflict.lost_at_ms, Presence::optional);
    item.text("lost_by", conflict.lost_by, {}, Presence::optional);
    item.json_object("kept", conflict.kept, kConflictRowBytesMax, Presence::optional);
  });
  if (!document.status().ok()) return document.status().error();
  return conflicts;
}

}  // namespace mlguard::wire
