// Examples: the flows of labelled captures as rows for a model, each with its class. Flows come
// from components/flow alone, with the settings that the live sniffer has, so that training sees
// what serving will. Not thread-safe while reading.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
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
  // What the fast rules (their default limits) say of it; 0: nothing, so that the model decides.
  std::uint8_t rule_class = 0;
  float rule_score = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::array<std::uint8_t, MLG_ADDRESS_BYTES> source{};  // for counting alarms by host; no input
};

// variants.h says why there are others than the capture as it is.
enum class Variant { as_it_is, faster, slower, mixed };

struct ExampleCapture {
  std::string name;
  std::string main_class;
  std::string repository;
  std::string sha256;
  // What captures are mixed with has to be held back with them: the same text.
  std::string group;
  Variant variant = Variant::as_it_is;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::array<std::size_t, kTrafficClassCount> flows{};  // by class, without early ones
  std::size_t ignored = 0;                              // flows without a class
};

struct Examples {
  std::vector<ExampleCapture> captures;
  std::vector<Example> flows;

  bool is_variant(const Example& example) const {
    return captures[example.capture].variant != Variant::as_it_is;
  }
};

// Called after each capture.
using CaptureRead =
    std::function<void(std::size_t captures_done, std::size_t captures, std::size_t records)>;

// For training: with early records and with variants. For judging: the flows as they are.
enum class Purpose { training, judging };
// Errors: those of capture::CaptureReader::open; corrupt when labels.tsv has another class, or a
// capture is damaged.
base::Result<Examples> read_examples(const Corpus& corpus, Purpose purpose,
                                     const CaptureRead& read);

}  // namespace mlguard::ml_detector
