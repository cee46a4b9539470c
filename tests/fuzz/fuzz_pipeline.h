// What the pipeline's fuzz target and the writer of its seeds share. Header only.
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/keyring.h"

namespace mlguard::fuzz {

inline constexpr std::int64_t kPipelineNowMs = 1'700'000'000'000;

inline const pipeline::Keyring& pipeline_keys() {
  static const pipeline::Keyring keys = *pipeline::Keyring::of({{7, std::string(32, 'p'), 0, 0}});
  return keys;
}

}  // namespace mlguard::fuzz
