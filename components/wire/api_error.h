// How an Error travels: {"status":"error","error":"<reason>","message":"<what and what to do>"}
// with an HTTP status. One table for both directions. Stateless; safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::wire {

int http_status(base::ErrorCode code);
// The code a client reports for an HTTP status that came with a reason.
base::ErrorCode code_of_status(int status);

std::string encode_error(const base::Error& error);
// What the server said; for a body that is not ours, an error with the status and no guess.
base::Error decode_error(int status, std::string_view body);

}  // namespace mlguard::wire
