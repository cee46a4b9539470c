#include "db/write_weight.h"

#include <variant>

namespace mlguard::db {

namespace {
constexpr std::size_t kRowBytesGuess = 512;  // a rule, detection or heartbeat with its overhead
}

std::size_t weight_of(const Command& command) {
  if (const auto* put = std::get_if<PutConfig>(&command)) {
    return kRowBytesGuess + put->document.size();
  }
  if (const auto* put = std::get_if<PutRules>(&command)) {
    return kRowBytesGuess * (1 + put->rules.size());
  }
  if (const auto* put = std::get_if<PutDetections>(&command)) {
    std::size_t bytes = kRowBytesGuess;
    for (const base::Detection& each : put->detections)
      bytes += kRowBytesGuess + each.detail.size();
    return bytes;
  }
  if (const auto* put = std::get_if<PutModelPart>(&command)) {
    return kRowBytesGuess + put->bytes.size();
  }
  return kRowBytesGuess;
}

}  // namespace mlguard::db
