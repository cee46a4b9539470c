#include <algorithm>

#include "base/ids.h"
#include "db/commands.h"

namespace mlguard::db {

namespace {
constexpr std::size_t kIdCharsMax = 64;
}

void add_audit(const CommandContext& context, const std::string& action, const std::string& subject,
               const std::string& detail) {
  add_row(context, TableId::audit, context.revision, context.origin, context.now_ms, context.author,
          action, subject, detail);
}

base::Status check_text(std::string_view text, std::size_t chars_max, std::string_view what,
                        const std::string& reason) {
  if (text.size() > chars_max) {
    return base::Error{base::ErrorCode::invalid_argument, reason,
                       std::string(what) + " has " + std::to_string(text.size()) +
                           " bytes; at most " + std::to_string(chars_max) +
                           " are kept, shorten it"};
  }
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\n' || c == '\t';
  });
  if (!printable) {
    return base::Error{base::ErrorCode::invalid_argument, reason,
                       std::string(what) + " holds control characters; remove them"};
  }
  return {};
}

bool is_valid_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdCharsMax && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
}

std::string count_of(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

Outcome run(const CommandContext& context, const AppendAudit& command) {
  const base::AuditRecord& record = command.record;
  if (record.action.empty()) {
    return base::Error{base::ErrorCode::invalid_argument, "invalid_audit",
                       "an audit record needs an action"};
  }
  add_row(context, TableId::audit, context.revision, context.origin,
          record.at_ms == 0 ? context.now_ms : record.at_ms,
          record.actor.empty() ? context.author : record.actor, record.action, record.subject,
          record.detail);
  return CommandOutcome{"audit", record.action + " recorded", 0, {}};
}

}  // namespace mlguard::db
