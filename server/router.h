// Router: which route a method and a path belong to. Routes are matched in the order given, so a
// literal segment stands before a parameter in the same place.
//
// Threads: any, once constructed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlguard::server {

inline constexpr std::size_t kPathSegmentsMax = 8;

struct RoutePattern {
  std::string_view method;  // "GET"
  std::string_view path;    // "/v1/config/{}/versions/{}"
};

class Router {
 public:
  explicit Router(const std::vector<RoutePattern>& patterns);

  struct Match {
    std::optional<std::size_t> route;     // Index into the patterns.
    std::vector<std::string> parameters;  // Decoded, in order.
    const char* allow = nullptr;          // The path is known, for these methods only.
  };
  Match find(std::string_view method, std::string_view path) const;

 private:
  struct Entry {
    std::string method;
    std::vector<std::string> segments;  // "{}" for a parameter.
    std::string allow;                  // All methods of this path, for the Allow header.
  };
  std::vector<Entry> entries_;
};

}  // namespace mlguard::server
