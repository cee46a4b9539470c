// ChangeCapture: SQLite's preupdate hook on the writing connection. Every row that a write touches
// in a replicated table is recorded as its image, and the totals and digests follow, so that no
// command can forget to.
//
// Not thread-safe: belongs to the store's core. The hook runs inside the writing statement.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "db/connection.h"
#include "db/row_image.h"
#include "db/store_state.h"
#include "db/tables.h"

namespace mlguard::db {

class ChangeCapture {
 public:
  // Installs the hook. `connection`, `state` and `effects` must outlive it.
  ChangeCapture(Connection& connection, StoreState& state, GroupEffects& effects);
  ~ChangeCapture();
  ChangeCapture(const ChangeCapture&) = delete;
  ChangeCapture& operator=(const ChangeCapture&) = delete;

  // Forgets the images of the write before; what follows belongs to `revision`.
  void begin_write(std::uint64_t revision);
  const std::string& images() const { return images_; }

  // Between the two nothing is captured: whole tables are replaced, and the totals with them.
  void look_away();
  void listen();

 private:
  struct Hook;
  enum class Side { before, after };

  void on_change(int operation, const ReplicatedTable& table);
  // Appends the row's image (before or after the change) to `out`.
  void encode(Side side, ImageKind kind, const ReplicatedTable& table, std::string& out);
  void count_rule(Side side);
  void note_purged_rule();
  void note_revoked_key(bool has_before, bool has_after);
  void note_effects(Side side, const ReplicatedTable& table);
  base::Component component(Side side) const;
  std::string_view text(Side side, std::size_t column) const;
  std::int64_t integer(Side side, std::size_t column) const;

  Connection& connection_;
  StoreState& state_;
  GroupEffects& effects_;
  std::uint64_t revision_ = 0;
  std::string images_;
  std::string old_row_;  // Kept to spare an allocation a row.
};

}  // namespace mlguard::db
