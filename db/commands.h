// The commands of engine.h, each run inside one write of the store's core. A command checks
// everything before its first change; what it changes is captured by ChangeCapture. SQLite's
// exceptions pass through: the core turns them into the failure of the whole group.
//
// Not thread-safe: run by the store's core only. One file per topic.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "db/connection.h"
#include "db/engine.h"
#include "db/membership.h"
#include "db/store.h"
#include "db/store_state.h"
#include "db/tables.h"

namespace mlguard::db {

// What a command works with.
struct CommandContext {
  Connection& db;
  const Retention& retention;
  const StoreState& state;
  const std::string& origin;  // This node's id.
  const std::string& author;
  std::int64_t now_ms = 0;
  std::uint64_t hlc = 0;
  std::uint64_t revision = 0;  // The revision of this write, if it changes anything.
  const Membership& membership;
};

struct CommandOutcome {
  std::string resource;
  std::string summary;
  std::uint64_t version = 0;
  std::vector<std::string> ids;
};
using Outcome = base::Result<CommandOutcome>;

Outcome run(const CommandContext& context, const RegisterComponent& command);
Outcome run(const CommandContext& context, const UnregisterComponent& command);
Outcome run(const CommandContext& context, const RemoveComponent& command);
Outcome run(const CommandContext& context, const RecordHealth& command);
Outcome run(const CommandContext& context, const FlushHeartbeats& command);
Outcome run(const CommandContext& context, const PutConfig& command);
Outcome run(const CommandContext& context, const DeleteConfig& command);
Outcome run(const CommandContext& context, const RollbackConfig& command);
Outcome run(const CommandContext& context, const PutRules& command);
Outcome run(const CommandContext& context, const RemoveRules& command);
Outcome run(const CommandContext& context, const PutDetections& command);
Outcome run(const CommandContext& context, const RecordApplied& command);
Outcome run(const CommandContext& context, const CreateToken& command);
Outcome run(const CommandContext& context, const RevokeToken& command);
Outcome run(const CommandContext& context, const EnrolIdentity& command);
Outcome run(const CommandContext& context, const RevokeIdentity& command);
Outcome run(const CommandContext& context, const AnnouncePipelineKey& command);
Outcome run(const CommandContext& context, const PutModelPart& command);
Outcome run(const CommandContext& context, const RemoveModel& command);
Outcome run(const CommandContext& context, const AppendAudit& command);
Outcome run(const CommandContext& context, const Maintain& command);

// ---- What they share -------------------------------------------------------------------------

// Inserts or replaces one live row. `values` are all columns before hlc, origin and deleted.
template <class... Values>
void put_row(const CommandContext& context, TableId table, Values&&... values) {
  context.db.run(table_of(table).upsert_sql.c_str(), std::forward<Values>(values)..., context.hlc,
                 context.origin, 0);
}

// The same for a row that is known to be new, which spares looking for the old one.
template <class... Values>
void add_row(const CommandContext& context, TableId table, Values&&... values) {
  context.db.run(table_of(table).insert_sql.c_str(), std::forward<Values>(values)..., context.hlc,
                 context.origin, 0);
}

void add_audit(const CommandContext& context, const std::string& action, const std::string& subject,
               const std::string& detail);

// invalid_argument / `reason` when the text is longer than `chars_max` bytes or holds control
// characters other than line breaks and tabs.
base::Status check_text(std::string_view text, std::size_t chars_max, std::string_view what,
                        const std::string& reason);
// 1 to 64 of [a-zA-Z0-9_.-].
bool is_valid_id(std::string_view id);

// "1 rule", "3 rules".
std::string count_of(std::size_t count, const std::string& noun);

}  // namespace mlguard::db
