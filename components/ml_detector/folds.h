// Which captures are held back together while a model is chosen. Never rows of one capture on both
// sides, and never the same time of one network: captures of one repository that overlap in time
// may be the same traffic, and stay together. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ml_detector/examples.h"

namespace mlguard::ml_detector {

enum class HoldBack {
  captures,      // as above
  repositories,  // all captures of one repository together: another network altogether
};

// A fold for each capture, 0 ... folds - 1. Groups are dealt out class by class, so that every fold
// has some of each where there are enough; which get which is decided by `seed`.
std::vector<std::size_t> folds_of(const std::vector<ExampleCapture>& captures, std::size_t folds,
                                  HoldBack hold_back, std::uint32_t seed);

}  // namespace mlguard::ml_detector
