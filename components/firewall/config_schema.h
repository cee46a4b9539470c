// The keys of the firewall component's configuration; docs/configuration.md explains each.
#pragma once

#include "agent/config_schema.h"

namespace mlguard::firewall {

const agent::ConfigSchema& config_schema();

}  // namespace mlguard::firewall
