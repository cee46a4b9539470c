// The instances of the cluster as a table, for those who ask one of them. Stateless.
#pragma once

#include <cstdint>
#include <vector>

#include "cli/output.h"
#include "wire/cluster_messages.h"

namespace mlguard::cli {

// An instance that has not been heard for so long is shown as silent.
inline constexpr std::int64_t kSilentMs = 3'000;

// What is not known stands as "?" for people and as nothing for programs.
Table member_table(const std::vector<wire::MemberInfo>& members, OutputMode mode);

// Whether a member counts as being there: it leads, or was heard lately.
bool is_alive(const wire::MemberInfo& member);

}  // namespace mlguard::cli
