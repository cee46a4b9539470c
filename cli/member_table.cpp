#include "cli/member_table.h"

#include <optional>
#include <string>

#include "base/time_format.h"

namespace mlguard::cli {
namespace {

constexpr std::int64_t kJustNowMs = 1'000;

template <class Number>
std::string known(const std::optional<Number>& number, OutputMode mode) {
  if (!number) return mode == OutputMode::raw ? "" : "?";
  return mode == OutputMode::raw ? std::to_string(*number)
                                 : grouped(static_cast<std::uint64_t>(*number));
}

Cell heard_cell(const wire::MemberInfo& member, OutputMode mode) {
  if (mode == OutputMode::raw || !member.silent_ms) return known(member.silent_ms, mode);
  const std::string ago =
      *member.silent_ms < kJustNowMs ? "now" : base::human_duration(*member.silent_ms) + " ago";
  return {ago, is_alive(member) ? Tone::plain : Tone::bad};
}

}  // namespace

bool is_alive(const wire::MemberInfo& member) {
  return member.leader || (member.silent_ms && *member.silent_ms < kSilentMs);
}

Table member_table(const std::vector<wire::MemberInfo>& members, OutputMode mode) {
  Table table({shrinking_column("ADDRESS"), text_column("KIND"), text_column("LEADER"),
               number_column("REVISION"), number_column("LAG"), text_column("HEARD")});
  for (const wire::MemberInfo& member : members) {
    const bool lags = member.lag && *member.lag > 0;
    table.add_row({member.address,
                   std::string(wire::to_string(member.kind)),
                   {member.leader ? "leads" : "", Tone::good},
                   known(member.match, mode),
                   {known(member.lag, mode), lags ? Tone::warning : Tone::plain},
                   heard_cell(member, mode)});
  }
  return table;
}

}  // namespace mlguard::cli
