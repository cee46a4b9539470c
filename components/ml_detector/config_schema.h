// The keys of the ml-detector component's configuration; docs/configuration.md explains each.
#pragma once

#include "agent/config_schema.h"

namespace mlguard::ml_detector {

const agent::ConfigSchema& config_schema();

}  // namespace mlguard::ml_detector
