// A wish in a question: "raise it to 0.9", "block 10.0.0.9 for 2 hours", "delete all components".
// Read from the question's own words only, never from a record. Most acts are refused: what is not
// on the list of WishKind is `refused`.
//
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "rag/question.h"

namespace mlguard::rag {

enum class WishKind { set_value, rollback, block, unblock, allow, activate_model, refused };
enum class Direction { none, up, down };

struct Wish {
  WishKind kind = WishKind::refused;
  std::string verb;  // what was asked for, for the refusal
  // set_value: what it shall be, as typed; empty when no value was said.
  std::string value;
  Direction direction = Direction::none;
  std::int64_t ttl_ms = 0;  // block, allow: 0 when no time was said
  bool until_said = false;  // a time of day, which is not a length
  std::string model;
};

std::optional<Wish> read_wish(const Slots& slots);
// The same of a question that was taken for a wish by its likeness to others, though no order
// stands in it: "10.0.0.9 should be let in again", "xdp off on the firewall". Never `refused`;
// nothing where the question negates, which would be taken for its opposite.
std::optional<Wish> guess_wish(const Slots& slots);

}  // namespace mlguard::rag
