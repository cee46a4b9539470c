// The keys of the rag component's configuration; docs/configuration.md explains each.
#pragma once

#include "agent/config_schema.h"

namespace mlguard::rag {

const agent::ConfigSchema& config_schema();

}  // namespace mlguard::rag
