// RateLimiter: a token bucket per client address, so that nobody can spend the server's time on
// handshakes. IPv6 clients are counted by their /64, which is what one host is given. Bounded: when
// too many addresses are remembered, those with a full bucket are forgotten first.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "server/http_types.h"

namespace mlguard::server {

struct RateLimit {
  double per_second = 0;
  double burst = 0;
};

inline constexpr RateLimit kHandshakesPerAddress = {.per_second = 20, .burst = 100};
inline constexpr RateLimit kHandshakesLoopback = {.per_second = 2'000, .burst = 20'000};
inline constexpr std::size_t kAddressesMax = 16'384;

class RateLimiter {
 public:
  RateLimiter(RateLimit remote, RateLimit loopback, std::size_t addresses_max = kAddressesMax)
      : remote_(remote), loopback_(loopback), addresses_max_(addresses_max) {}

  // Takes one permit of that address. `now_ms` is monotonic.
  bool allow(const PeerAddress& peer, std::int64_t now_ms);
  std::size_t remembered() const;

 private:
  struct Bucket {
    double permits = 0;
    std::int64_t filled_at_ms = 0;
  };
  static void fill(Bucket& bucket, const RateLimit& limit, std::int64_t now_ms);
  void forget_full(std::int64_t now_ms);

  const RateLimit remote_;
  const RateLimit loopback_;
  const std::size_t addresses_max_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;  // Guarded by mutex_.
};

// "2001:db8:1:2:3::4" → its /64 "2001:0db8:0001:0002"; IPv4 addresses as they are.
std::string rate_key(const std::string& address);

}  // namespace mlguard::server
