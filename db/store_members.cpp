// The cluster's side of the store's core: who takes part, and which node stands behind an address.
#include <algorithm>

#include "db/commands.h"
#include "db/sqlite_store.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;
using base::Status;

constexpr const char* kVoter = "voter";
constexpr const char* kLearner = "learner";
constexpr char kBetweenAddresses = ',';

const char* kind_of(const ClusterMember& member) { return member.voter ? kVoter : kLearner; }

Error invalid_member(const std::string& why) {
  return {ErrorCode::invalid_argument, "invalid_member",
          why + "; name each member once, as host:port"};
}

Status check_addresses(std::vector<std::string> addresses) {
  std::sort(addresses.begin(), addresses.end());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (addresses[i].empty() || addresses[i].find(kBetweenAddresses) != std::string::npos) {
      return invalid_member("'" + addresses[i] + "' is no member's address");
    }
    if (i > 0 && addresses[i] == addresses[i - 1]) {
      return invalid_member(addresses[i] + " is named twice");
    }
  }
  return {};
}

Status check_members(const std::vector<ClusterMember>& members) {
  std::vector<std::string> addresses;
  addresses.reserve(members.size());
  for (const ClusterMember& member : members) addresses.push_back(member.address);
  if (auto checked = check_addresses(std::move(addresses)); !checked.ok()) return checked;
  const bool any_voter = std::any_of(members.begin(), members.end(),
                                     [](const ClusterMember& member) { return member.voter; });
  if (!any_voter) return invalid_member("a cluster needs at least one voter");
  return {};
}

std::vector<ClusterMember> voters_of(const std::string& addresses) {
  std::vector<ClusterMember> voters;
  std::size_t at = 0;
  while (at < addresses.size()) {
    const std::size_t end = std::min(addresses.find(kBetweenAddresses, at), addresses.size());
    voters.push_back({addresses.substr(at, end - at), true});
    at = end + 1;
  }
  return voters;
}

void remove_others(const CommandContext& context, const std::vector<ClusterMember>& members) {
  std::vector<std::string> gone;
  {
    Query row = context.db.query("SELECT address FROM member WHERE deleted = 0");
    while (row.step()) {
      const auto stays = [&row](const ClusterMember& m) { return m.address == row.bytes(0); };
      if (std::none_of(members.begin(), members.end(), stays)) gone.push_back(row.text(0));
    }
  }
  for (const std::string& address : gone) {
    context.db.run(
        "UPDATE member SET deleted = 1, revision = ?, hlc = ?, origin = ? WHERE address = ?",
        context.revision, context.hlc, context.origin, address);
  }
}

}  // namespace

base::Result<WriteResult> SqliteStore::set_members(const std::vector<ClusterMember>& members,
                                                   const std::string& author) {
  return in_group([&]() -> base::Result<WriteResult> {
    if (auto checked = check_members(members); !checked.ok()) return checked.error();
    const CommandContext context = new_context(author);
    capture_.begin_write(context.revision);
    std::string names;
    for (const ClusterMember& member : members) {
      put_row(context, TableId::member, member.address, kind_of(member), context.revision);
      names += (names.empty() ? "" : ", ") + member.address + (member.voter ? "" : " (learner)");
    }
    remove_others(context, members);
    add_audit(context, "members.set", "members", names);
    LogEntry entry;
    entry.hlc = context.hlc;
    entry.author = author;
    entry.resource = "members";
    entry.summary = "members are now " + names;
    return append_captured(entry);
  });
}

Membership SqliteStore::read_membership() {
  Membership found;
  {
    Query row = connection_.query(
        "SELECT address, kind, revision FROM member WHERE deleted = 0 ORDER BY address");
    while (row.step()) {
      found.members.push_back({row.text(0), row.bytes(1) == kVoter});
      found.revision = std::max(found.revision, row.unsigned_integer(2));
    }
  }
  if (!found.members.empty()) return found;
  Query row = connection_.query("SELECT initial_members FROM node_state WHERE id = 1");
  if (row.step()) found.members = voters_of(row.text(0));
  return found;
}

Status SqliteStore::set_initial_members(const std::vector<std::string>& addresses) {
  assert(!in_group_);
  if (auto checked = check_addresses(addresses); !checked.ok()) return checked;
  std::vector<std::string> sorted = addresses;
  std::sort(sorted.begin(), sorted.end());
  std::string joined;
  for (const std::string& address : sorted) {
    if (!joined.empty()) joined += kBetweenAddresses;
    joined += address;
  }
  return guarded("writing", config_.path, [&]() -> Status {
    connection_.run("UPDATE node_state SET initial_members = ? WHERE id = 1", joined);
    membership_ = read_membership();
    return {};
  });
}

base::Result<std::map<std::string, std::string>> SqliteStore::peer_node_ids() {
  std::map<std::string, std::string> ids;
  const Status read = guarded("reading", config_.path, [&]() -> Status {
    Query row = connection_.query("SELECT address, node_id FROM peer");
    while (row.step()) ids.emplace(row.text(0), row.text(1));
    return {};
  });
  if (!read.ok()) return read.error();
  return ids;
}

base::Result<std::optional<std::string>> SqliteStore::peer_node_id(const std::string& address) {
  return guarded("reading", config_.path, [&]() -> base::Result<std::optional<std::string>> {
    Query row = connection_.query("SELECT node_id FROM peer WHERE address = ?");
    row.bind(address);
    if (!row.step()) return std::optional<std::string>();
    return std::optional<std::string>(row.text(0));
  });
}

Status SqliteStore::set_peer_node_id(const std::string& address, const std::string& node_id) {
  assert(!in_group_);
  return guarded("writing", config_.path, [&]() -> Status {
    connection_.run(
        "INSERT INTO peer(address, node_id, first_seen) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        address, node_id, clock_.wall_ms());
    Query row = connection_.query("SELECT node_id FROM peer WHERE address = ?");
    row.bind(address);
    if (row.step() && row.bytes(0) == node_id) return {};
    return Error{ErrorCode::conflict, "peer_changed",
                 "another instance answers at " + address +
                     " than before: its data folder was replaced. Remove the member and add it "
                     "again, or give it its data folder back"};
  });
}

Status SqliteStore::forget_peer(const std::string& address) {
  assert(!in_group_);
  return guarded("writing", config_.path, [&]() -> Status {
    connection_.run("DELETE FROM peer WHERE address = ?", address);
    return {};
  });
}

}  // namespace mlguard::db
