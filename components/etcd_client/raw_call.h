// A request as a person writes it (ml-guard api), checked before it is sealed. Stateless.
#pragma once

#include "base/result.h"
#include "caller.h"
#include "etcd_client/client.h"

namespace mlguard::etcd_client {

// Errors: invalid_argument for a method, target or field that cannot stand in a request.
base::Result<RawResponse> raw_call(Caller& caller, const RawRequest& request);

}  // namespace mlguard::etcd_client
