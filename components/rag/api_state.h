// The control plane's state over its API. Threads: as StateSource; the client may be shared.
#pragma once

#include <memory>

#include "etcd_client/client.h"
#include "rag/state_source.h"

namespace mlguard::rag {

// The client must outlive it. All reads are linearizable, whatever the client's own are: what an
// instance that lags behind says is not the present.
std::unique_ptr<StateSource> make_api_state(etcd_client::Client& client);

}  // namespace mlguard::rag
