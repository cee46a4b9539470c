#include "query_text.h"

#include <algorithm>

namespace mlguard::etcd_client {

std::optional<std::string_view> query_value(std::string_view target, std::string_view name) {
  const std::size_t query = target.find('?');
  if (query == std::string_view::npos) return std::nullopt;
  std::string_view rest = target.substr(query + 1);
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find('&'));
    const std::size_t equals = std::min(one.find('='), one.size());
    if (one.substr(0, equals) == name) return one.substr(std::min(equals + 1, one.size()));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  return std::nullopt;
}

void add_query(std::string& target, std::string_view name, std::string_view value) {
  target += target.find('?') == std::string::npos ? '?' : '&';
  target.append(name).append("=").append(value);
}

}  // namespace mlguard::etcd_client
