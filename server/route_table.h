// Every route of the HTTP API in one table: method, path, how it must be sealed, where it runs, how
// large its body may be, and its handler. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "server/api_context.h"
#include "server/exchange.h"

namespace mlguard::server {

enum class Access {
  handshake,        // Not sealed: it makes the session.
  plain_or_sealed,  // For people with curl, too.
  sealed,
};

enum class Where {
  loop,  // Short: no thread hop.
  pool,  // May take milliseconds and more.
};

struct Route {
  const char* method;
  const char* path;  // "{}" stands for one segment.
  const char* name;  // Label in metrics.
  Access access;
  Where where;
  std::size_t body_bytes_max;
  // The exchange must be answered, now or later.
  void (*handle)(ApiContext& api, const ExchangePtr& exchange);
};

const std::vector<Route>& routes();

}  // namespace mlguard::server
