#include "replicator/types.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace mlguard::replicator {
namespace {

constexpr unsigned kPortMax = 65'535;

// The port of "host:port"; 0 when there is none.
unsigned port_of(std::string_view id) {
  const auto colon = id.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return 0;
  const std::string_view digits = id.substr(colon + 1);
  unsigned port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return 0;
  return port <= kPortMax ? port : 0;
}

}  // namespace

bool operator==(const Position& a, const Position& b) {
  return a.revision == b.revision && a.term == b.term && a.digest == b.digest;
}

bool operator==(const Member& a, const Member& b) { return a.id == b.id && a.kind == b.kind; }

bool operator==(const HardState& a, const HardState& b) {
  return a.term == b.term && a.voted_for == b.voted_for;
}

Position position_of(const Entry& entry) {
  return Position{entry.revision, entry.term, entry.digest};
}

const Member* Membership::find(std::string_view id) const {
  for (const Member& member : members) {
    if (member.id == id) return &member;
  }
  return nullptr;
}

bool Membership::is_voter(std::string_view id) const {
  const Member* member = find(id);
  return member != nullptr && member->kind == MemberKind::voter;
}

std::size_t Membership::voter_count() const {
  return static_cast<std::size_t>(std::count_if(
      members.begin(), members.end(), [](const Member& m) { return m.kind == MemberKind::voter; }));
}

std::size_t Membership::rank_of(std::string_view id, std::string_view absent) const {
  std::size_t rank = 0;
  for (const Member& member : members) {
    if (member.kind != MemberKind::voter || member.id == absent) continue;
    if (sorts_before(member.id, id)) ++rank;
  }
  return rank;
}

bool sorts_before(std::string_view a, std::string_view b) {
  return std::make_pair(port_of(a), a) < std::make_pair(port_of(b), b);
}

base::Status check_members(const std::vector<Member>& members) {
  std::size_t voters = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    if (port_of(member.id) == 0) {
      return base::Error(base::ErrorCode::invalid_argument, "invalid_member",
                         "'" + member.id + "' is not host:port; name peers like localhost:2379");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (members[j].id != member.id) continue;
      return base::Error(base::ErrorCode::invalid_argument, "invalid_member",
                         member.id + " is named twice; name each member once");
    }
    if (member.kind == MemberKind::voter) ++voters;
  }
  if (voters > kVotersMax || members.size() - voters > kLearnersMax) {
    return base::Error(base::ErrorCode::invalid_argument, "too_many_members",
                       "at most " + std::to_string(kVotersMax) + " voters and " +
                           std::to_string(kLearnersMax) + " learners; remove some");
  }
  return {};
}

const char* to_string(Role role) {
  switch (role) {
    case Role::follower: return "follower";
    case Role::pre_candidate: return "pre-candidate";
    case Role::candidate: return "candidate";
    case Role::leader: return "leader";
    case Role::learner: return "learner";
  }
  return "unknown";
}

}  // namespace mlguard::replicator
