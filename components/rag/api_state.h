// The control plane's state over its API. Threads: as StateSource; the client may be shared.
#pragma once

#include <memory>

#include "etcd_client/client.h"
#include "rag/state_source.h"

namespace mlguard::rag {

// The client must outlive it, and have linearizable or leader reads: what a follower that lags
// behind says is not the leader's present.
std::unique_ptr<StateSource> make_api_state(etcd_client::Client& client);

}  // namespace mlguard::rag
