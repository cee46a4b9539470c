// Within-scenario: how well later flows are told of captures whose earlier flows were learnt. The
// captures of train/ as they are, without variants; of each the flows that begin first are trained
// on (kLearntShare of them, cut by time, never by chance), the others are judged. Nothing is chosen
// on what is judged: a fixed number of rounds, thresholds of 0.5.
//
// It says what the detector can do where it was taught, not what it does elsewhere: that is what
// whole captures that were held back and eval/ are for. Stateless; safe from any thread.
#pragma once

#include "base/result.h"
#include "ml_detector/evaluation.h"
#include "ml_detector/examples.h"
#include "ml_detector/trainer.h"

namespace mlguard::ml_detector {

inline constexpr double kLearntShare = 0.7;
inline constexpr std::size_t kWithinRounds = 100;

struct ByTime {
  Examples earlier;
  Examples later;
};
// Variants are left out.
ByTime cut_by_time(const Examples& examples);

// Errors: those of train_plainly.
base::Result<Evaluation> within_scenario(const Examples& examples, const TrainOptions& options,
                                         const Say& say);

}  // namespace mlguard::ml_detector
