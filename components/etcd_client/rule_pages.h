// The rules of the control plane as one set, however many pages the server needs to say them.
// Stateless; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/model.h"
#include "base/result.h"
#include "caller.h"

namespace mlguard::etcd_client {

struct RulesQuery {
  std::uint64_t after = 0;
  milliseconds wait{0};
  std::optional<Consistency> consistency{};  // absent: the client's own
};

// GET /v1/rules/stream. A full answer that comes in pages is joined; when rules changed between
// two pages, the difference is asked for and applied, so that what is returned is whole and has
// the digest that it says. Error, besides those of a call: unavailable / "rules_moved" when the
// rules changed faster than they could be read.
base::Result<base::RuleSet> fetch_rules(Caller& caller, const RulesQuery& query,
                                        Canceller* canceller);

}  // namespace mlguard::etcd_client
