// Served: everyday captures through the detector as it is served: flows told early as the live
// sniffer tells them, fast rules, model and policy with their defaults, but for servers of beacons,
// which are blocked as well (the default only reports them). Each detection is a false alarm, and
// each rule a false block. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ml_detector/corpus.h"
#include "ml_detector/judge.h"

namespace mlguard::ml_detector {

struct FalseReport {
  std::string capture;
  std::string text;  // "portscan by port_scan: 10.0.0.1 to 10.0.0.2:80, score 0.71"
  bool blocked = false;
};

struct Served {
  std::size_t captures = 0;
  std::size_t flows = 0;
  double hours = 0;  // in which at least one flow went on, capture by capture
  std::vector<FalseReport> reports;

  std::size_t blocks() const;
};

// The benign captures of the corpus. `model` may be nullptr: fast rules only.
// Errors: those of read_packets.
base::Result<Served> serve_benign(const Corpus& corpus,
                                  const std::shared_ptr<const LoadedModel>& model);
// A line for each figure and report; `name`: of the captures.
std::string served_text(const std::string& name, const Served& served);

}  // namespace mlguard::ml_detector
