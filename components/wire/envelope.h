// The plaintext of a frame: sealed fields and a body, LZ4-compressed where that makes it smaller
// (docs/wire-format.md, "Frames"). Every size is checked before anything is allocated for it.
// Internal to wire/: channel.h is the front door. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"
#include "wire/channel.h"

namespace mlguard::wire {

inline constexpr std::size_t kFieldLengthBytes = 2;  // u16 LE in front of the field block
inline constexpr std::size_t kFieldsMax = 64;        // sealed fields of one message

// `bytes` = `lead` unset bytes, the frame's plaintext, `tail` unset bytes: the channel writes the
// counter and the tag around the plaintext and seals it in place, without a copy.
struct BuiltFrame {
  std::string bytes;
  std::size_t plain_bytes = 0;
  std::optional<std::size_t> original_size;  // of the body, when it is compressed
};
// Errors: too_large (body or field block); invalid_argument / "invalid_field" (a name or a value
// that cannot travel).
base::Result<BuiltFrame> build_frame(const Message& message, std::size_t lead, std::size_t tail);

// The announced size of a compressed body, against the caller's limit. Error: too_large.
base::Status check_original_size(std::optional<std::size_t> original_size,
                                 std::size_t body_bytes_max);

// The inverse of build_frame, for authentic plaintext. REQUIRES: check_original_size passed.
// Errors: too_large; invalid_argument / "bad_frame".
base::Result<Message> parse_frame(std::string plain, std::optional<std::size_t> original_size,
                                  std::size_t body_bytes_max);

}  // namespace mlguard::wire
