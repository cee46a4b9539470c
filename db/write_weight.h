// How much memory and log a write takes, about: what bounds the writes that wait. Stateless.
#pragma once

#include <cstddef>

#include "db/engine.h"

namespace mlguard::db {

std::size_t weight_of(const Command& command);

}  // namespace mlguard::db
