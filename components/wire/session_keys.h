// What a finished handshake hands to the two channels. Internal to wire/.
#pragma once

#include <string>

#include "wire/channel.h"

namespace mlguard::wire {

struct SessionKeys {
  Key client_to_server;
  Key server_to_client;
  std::string session_id;  // 2 × kSessionIdBytes hex characters
};

}  // namespace mlguard::wire
