// What only the leader may do, done there: a client's request travels to the leader with who asked,
// and its answer back. And the few writes of this instance's own that a follower needs made.
//
// Threads: any. Callbacks run on the peer calls' threads.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/model.h"
#include "base/result.h"
#include "server/api_context.h"
#include "server/exchange.h"

namespace mlguard::server {

// How long a follower waits until it holds what the leader wrote for it, so that its client reads
// its own writes here.
inline constexpr std::int64_t kOwnWriteWaitMs = 2'000;
inline constexpr std::size_t kForwardedBytesMax = wire::kPlainBodyBytesMax;

// A client's request as it travels between instances. docs/wire-format.md, "Forwarding".
struct ForwardedRequest {
  std::string method;
  std::string target;
  Identity caller;
  std::string address;  // Of the client.
  wire::Message message;
};
std::string encode(const ForwardedRequest& request);
// invalid_argument / "bad_forward".
base::Result<ForwardedRequest> decode_forwarded(std::string_view bytes);

std::string encode_forwarded_answer(const ApiAnswer& answer);
base::Result<ApiAnswer> decode_forwarded_answer(std::string_view bytes);

// Answers the exchange with what the leader answers. unavailable / "no_leader" (not done) when
// there is none; timeout / "outcome_unknown" when the connection to it broke.
void forward_to_leader(ApiContext& api, const ExchangePtr& exchange);

// Makes the write here when this instance leads, else at the leader.
void enrol_identity(ApiContext& api, const base::Identity& identity,
                    std::function<void(base::Status)> done);
void append_audit(ApiContext& api, base::AuditRecord record);
// Calls back once this instance holds everything that the leader held when asked.
void catch_up(ApiContext& api, std::function<void(base::Status)> done);

// The bodies of those two writes between instances.
std::string encode(const base::Identity& identity);
base::Result<base::Identity> decode_identity(std::string_view bytes);
std::string encode(const base::AuditRecord& record);
base::Result<base::AuditRecord> decode_audit_record(std::string_view bytes);

}  // namespace mlguard::server
