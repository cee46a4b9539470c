// Examples: the flows of labelled captures as rows for a model, each with its class. Flows come
// from components/flow alone, with the settings that the live sniffer has, so that training sees
// what serving will. Not thread-safe while reading.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ml_detector/corpus.h"
#include "ml_detector/inputs.h"

namespace mlguard::ml_detector {

// What the shipped model tells apart; the first is kBenign.
inline constexpr std::array<std::string_view, 6> kTrafficClasses = {
    "benign", "ddos", "portscan", "bruteforce", "botnet_c2", "smb_propagation"};
inline constexpr std::size_t kTrafficClassCount = kTrafficClasses.size();

struct Example {
  InputRow row{};
  std::uint32_t capture = 0;  // index into Examples::captures
  std::uint8_t class_index = 0;
  // Told before the flow ended (flow/tracker.h): trained on, as the live sniffer tells so too, but
  // not counted when quality is reported: the flow is told again.
  bool early = false;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  // For counting alarms by host; never an input.
  std::array<std::uint8_t, MLG_ADDRESS_BYTES> source{};
  std::array<std::uint8_t, MLG_ADDRESS_BYTES> destination{};
};

struct ExampleCapture {
  std::string name;
  std::string main_class;
  std::string repository;
  std::string sha256;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::array<std::size_t, kTrafficClassCount> flows{};  // by class, without early ones
  std::size_t ignored = 0;                              // flows without a class

  double seconds() const { return static_cast<double>(last_ns - first_ns) * 1e-9; }
};

struct Examples {
  std::vector<ExampleCapture> captures;
  std::vector<Example> flows;
};

enum class EarlyRecords { left_out, included };

// Called after each capture.
using CaptureRead =
    std::function<void(std::size_t captures_done, std::size_t captures, std::size_t flows)>;
// Errors: those of capture::CaptureReader::open; corrupt when labels.tsv has another class, or a
// capture is damaged.
base::Result<Examples> read_examples(const Corpus& corpus, EarlyRecords early,
                                     const CaptureRead& read);

}  // namespace mlguard::ml_detector
