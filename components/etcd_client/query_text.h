// The query of a request target, as text. Stateless.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mlguard::etcd_client {

// The value of the first parameter of that name, as it stands there (percent-encoded).
std::optional<std::string_view> query_value(std::string_view target, std::string_view name);

// Appends a parameter; `value` needs no percent-encoding.
void add_query(std::string& target, std::string_view name, std::string_view value);

}  // namespace mlguard::etcd_client
