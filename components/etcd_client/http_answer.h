// The head of an HTTP/1.1 answer, as far as this client looks at it. Strict: what etcd-server never
// sends (chunks, folded lines, informational answers) is refused. Stateless.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "wire/channel.h"

namespace mlguard::etcd_client {

inline constexpr std::size_t kAnswerHeadBytesMax = 16 * 1024;
inline constexpr std::size_t kAnswerBodyBytesMax = wire::kPlainBodyBytesMax + 64 * 1024;

struct AnswerHead {
  int status = 0;
  bool sealed = false;  // X-Sealed: 1
  bool closes = false;  // The server closes the connection after it.
  std::optional<std::size_t> original_size;
  std::size_t content_length = 0;  // At most kAnswerBodyBytesMax.
};

// `text` is everything before the empty line. Nothing when it is not an answer to be trusted.
std::optional<AnswerHead> parse_answer_head(std::string_view text);

}  // namespace mlguard::etcd_client
