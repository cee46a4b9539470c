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
  forward,          // Sealed, from another instance: a client's request inside.
  handshake,        // Not sealed: it makes the session.
  plain_or_sealed,  // For people with curl, too.
  sealed,
};

enum class Where {
  loop,  // Short: no thread hop.
  pool,  // May take milliseconds and more.
};

// Which instance handles it.
enum class By {
  any,     // Whichever is asked, from its own state.
  reader,  // A sealed read: by its ?consistency=, the leader or whichever is asked.
  leader,  // The leader; others send it on.
};

struct Route {
  const char* method;
  const char* path;  // "{}" stands for one segment.
  const char* name;  // Label in metrics.
  Access access;
  Where where;
  By by;
  std::size_t body_bytes_max;
  // The exchange must be answered, now or later.
  void (*handle)(ApiContext& api, const ExchangePtr& exchange);
};

const std::vector<Route>& routes();

}  // namespace mlguard::server
