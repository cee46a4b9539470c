// The keys of the sniffer component's configuration; docs/configuration.md explains each.
#pragma once

#include "agent/config_schema.h"

namespace mlguard::sniffer {

const agent::ConfigSchema& config_schema();

}  // namespace mlguard::sniffer
