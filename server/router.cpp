#include "server/router.h"

#include "server/query.h"

namespace mlguard::server {

namespace {

constexpr std::string_view kParameter = "{}";

// "/a/b" → {"a", "b"}; nullopt without the leading slash or with too many segments.
std::optional<std::vector<std::string_view>> split(std::string_view path) {
  if (path.empty() || path.front() != '/') return std::nullopt;
  std::vector<std::string_view> segments;
  segments.reserve(kPathSegmentsMax);
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = path.find('/');
    if (segments.size() == kPathSegmentsMax) return std::nullopt;
    segments.push_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  }
  return segments;
}

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string_view>& path) {
  if (pattern.size() != path.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool matches = pattern[i] == kParameter ? !path[i].empty() : pattern[i] == path[i];
    if (!matches) return false;
  }
  return true;
}

}  // namespace

Router::Router(const std::vector<RoutePattern>& patterns) {
  for (const RoutePattern& pattern : patterns) {
    Entry entry;
    entry.method = pattern.method;
    const std::vector<std::string_view> segments = split(pattern.path).value();
    entry.segments.assign(segments.begin(), segments.end());
    for (const RoutePattern& other : patterns) {
      if (other.path != pattern.path) continue;
      entry.allow += (entry.allow.empty() ? "" : ", ") + std::string(other.method);
    }
    entries_.push_back(std::move(entry));
  }
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  Match match;
  const std::optional<std::vector<std::string_view>> segments = split(path);
  if (!segments) return match;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (!fits(entry.segments, *segments)) continue;
    if (entry.method != method) {
      if (match.allow == nullptr) match.allow = entry.allow.c_str();
      continue;
    }
    for (std::size_t at = 0; at < segments->size(); ++at) {
      if (entry.segments[at] != kParameter) continue;
      std::optional<std::string> decoded = percent_decode((*segments)[at]);
      if (!decoded) return {};
      match.parameters.push_back(std::move(*decoded));
    }
    match.route = i;
    match.allow = nullptr;
    return match;
  }
  return match;
}

}  // namespace mlguard::server
