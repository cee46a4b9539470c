// From a Reply to what callers of the library get. Stateless.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "caller.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

// The message of a 2xx answer; any other status becomes the Error that the server meant.
base::Result<wire::Message> expect_ok(base::Result<Reply> reply);

// Trying again, here or elsewhere, may help by itself.
bool is_passing(const base::Error& error);

// Of the answer to a write.
base::Result<wire::WriteReply> expect_write_reply(base::Result<Reply> reply);

// A sealed field that holds a decimal number; 0 when it is absent or not a number.
std::uint64_t number_field(const wire::Message& message, std::string_view name);

}  // namespace mlguard::etcd_client
