#include "replicator/members_at_start.h"

#include <algorithm>
#include <string>

#include "base/logging.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

std::string list(const std::vector<NodeId>& names) {
  std::string text;
  for (const NodeId& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<NodeId> names_of(const Membership& membership) {
  std::vector<NodeId> names;
  for (const Member& member : membership.members) names.push_back(member.id);
  std::sort(names.begin(), names.end());
  return names;
}

Status check_names(const std::vector<NodeId>& names) {
  std::vector<Member> members;
  members.reserve(names.size());
  for (const NodeId& name : names) members.push_back({name, MemberKind::voter});
  return check_members(members);
}

Error other_members(const std::vector<NodeId>& known, const std::vector<NodeId>& wanted) {
  return {ErrorCode::conflict, "other_members",
          "this instance's state belongs to the cluster of " + list(known) +
              ", but it was started for " + list(wanted) +
              ": start it with the former, then change members with  ml-guard member add|remove  "
              "(or choose another --data-dir for a new cluster)"};
}

// Started for the first time, or alone until now.
bool may_adopt(const db::SqliteStore& store, const Membership& known) {
  if (known.members.empty()) return true;
  return known.revision == 0 && known.members.size() == 1 && store.state().log_base_revision == 0;
}

}  // namespace

Membership membership_of(const db::Membership& found) {
  Membership membership;
  membership.revision = found.revision;
  for (const db::ClusterMember& member : found.members) {
    membership.members.push_back(
        {member.address, member.voter ? MemberKind::voter : MemberKind::learner});
  }
  return membership;
}

Result<Recovered> recover(db::SqliteStore& store, const NodeId& self,
                          const std::vector<NodeId>& initial_members) {
  std::vector<NodeId> wanted = initial_members;
  std::sort(wanted.begin(), wanted.end());
  if (Status proper = check_names(wanted); !proper) return proper.error();
  Membership known = membership_of(store.membership());
  const bool alone_again = wanted.size() == 1 && wanted.front() == self;
  if (names_of(known) != wanted && known.revision == 0) {
    if (may_adopt(store, known)) {
      if (!known.members.empty() && store.state().revision > 0 && wanted.size() > 1) {
        base::log_info("this instance was alone and brings its history into a cluster",
                       {{"members", list(wanted)}});
      }
      if (Status kept = store.set_initial_members(wanted); !kept) return kept.error();
      known = membership_of(store.membership());
    } else if (!alone_again) {
      return other_members(names_of(known), wanted);
    }
  }
  if (known.members.size() > 1 && alone_again) {
    base::log_info("this instance goes on as a member of its cluster",
                   {{"members", list(names_of(known))}});
  }
  const db::StoreState& state = store.state();
  Recovered recovered;
  recovered.tail = {state.revision, state.last_term, state.digest};
  recovered.hard_state = {state.term, state.voted_for};
  if (state.last_term > state.term) recovered.hard_state = {state.last_term, {}};
  recovered.committed = state.committed;
  recovered.membership = std::move(known);
  return recovered;
}

}  // namespace mlguard::replicator
