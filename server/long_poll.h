// What every long poll shares: look, and if there is nothing new, wait for the resource to change
// and look again, until the time is up. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "server/api_context.h"

namespace mlguard::server {

struct Look {
  bool something_new = false;
  std::uint64_t seen = 0;  // The state's revision that was looked at.
  ApiAnswer answer;        // What to say when there is something new, or the time is up.
};

struct LongPoll {
  std::string resource;  // As in WatchHub.
  std::int64_t wait_ms = 0;
  // Runs on the caller's thread at first, then on the worker pool.
  std::function<base::Result<Look>(db::Reader&)> look;
};

void long_poll(ApiContext& api, const ExchangePtr& exchange, LongPoll poll);

}  // namespace mlguard::server
