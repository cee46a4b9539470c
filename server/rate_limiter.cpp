#include "server/rate_limiter.h"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/ids.h"

namespace mlguard::server {

namespace {

constexpr const char* kLoopbackKey = "loopback";  // All of it is one client.

}  // namespace

std::string rate_key(const std::string& address) {
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.c_str(), &v6) != 1) return address;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return address;
  constexpr std::size_t kPrefixBytes = 8;
  return base::to_hex({reinterpret_cast<const char*>(v6.s6_addr), kPrefixBytes});
}

void RateLimiter::fill(Bucket& bucket, const RateLimit& limit, std::int64_t now_ms) {
  const double seconds = static_cast<double>(now_ms - bucket.filled_at_ms) / 1'000;
  bucket.permits = std::min(limit.burst, bucket.permits + seconds * limit.per_second);
  bucket.filled_at_ms = now_ms;
}

bool RateLimiter::allow(const PeerAddress& peer, std::int64_t now_ms) {
  const RateLimit& limit = peer.loopback ? loopback_ : remote_;
  const std::string key = peer.loopback ? kLoopbackKey : rate_key(peer.text);
  const std::lock_guard lock(mutex_);
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() >= addresses_max_) forget_full(now_ms);
    // Still too many addresses at once: somebody floods us from everywhere.
    if (buckets_.size() >= addresses_max_) return false;
    found = buckets_.emplace(key, Bucket{limit.burst, now_ms}).first;
  }
  Bucket& bucket = found->second;
  fill(bucket, limit, now_ms);
  if (bucket.permits < 1) return false;
  bucket.permits -= 1;
  return true;
}

void RateLimiter::forget_full(std::int64_t now_ms) {
  for (auto at = buckets_.begin(); at != buckets_.end();) {
    fill(at->second, at->first == kLoopbackKey ? loopback_ : remote_, now_ms);
    const bool forget = at->first != kLoopbackKey && at->second.permits >= remote_.burst;
    at = forget ? buckets_.erase(at) : std::next(at);
  }
}

std::size_t RateLimiter::remembered() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

}  // namespace mlguard::server
