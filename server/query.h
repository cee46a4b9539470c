// What stands in a request target: path segments and query parameters, percent-decoded. Bounded and
// strict. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mlguard::server {

inline constexpr std::size_t kQueryParametersMax = 32;

// nullopt for a '%' that is not followed by two hex digits, and for "%00".
std::optional<std::string> percent_decode(std::string_view text);

class Query {
 public:
  // `text`: what follows the '?'. invalid_argument / "invalid_query".
  static base::Result<Query> parse(std::string_view text);

  // The first value of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  // `otherwise` when absent; invalid_argument / "invalid_query" naming the parameter when it is no
  // whole number or above `max`.
  base::Result<std::uint64_t> number(std::string_view name, std::uint64_t otherwise,
                                     std::uint64_t max) const;
  // "5s", "500ms", "30": milliseconds; more than `max_ms` is an error.
  base::Result<std::int64_t> duration_ms(std::string_view name, std::int64_t otherwise_ms,
                                         std::int64_t max_ms) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace mlguard::server
