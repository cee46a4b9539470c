// The feature vector: one table of features, each with its name, unit, definition and the function
// that computes it from a flow record. docs/features.md is this table in prose; a test keeps them
// equal. A model names the features that it was trained on.
//
// A feature is NaN where it is not defined (a rate of a flow without duration, a window of a host
// that was never seen). No feature looks at what packets carry, at addresses or at ports: a
// detector that learns ports fails on other networks. Stateless; safe from any thread.
#pragma once

#include <array>
#include <cstddef>

#include "flow/flow_record.h"

namespace mlguard::flow {

struct Feature {
  const char* name;
  const char* unit;
  const char* definition;
  double (*value)(const FlowRecord&);
};

inline constexpr std::size_t kFeatures = 49;
using FeatureVector = std::array<double, kFeatures>;

// The order is that of the vector and of every table of features written.
const std::array<Feature, kFeatures>& feature_table();
FeatureVector features_of(const FlowRecord& record);

}  // namespace mlguard::flow
