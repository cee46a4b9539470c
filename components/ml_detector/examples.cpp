#include "ml_detector/examples.h"

#include <algorithm>
#include <optional>
#include <string>

#include "capture/capture_reader.h"
#include "capture/feed.h"
#include "flow/tracker.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

// As the live sniffer has it.
constexpr std::uint64_t kEarlyAfterNs = 250'000'000;
constexpr std::string_view kIgnored = "ignore";

std::optional<std::size_t> class_of(std::string_view name) {
  const auto found = std::find(kTrafficClasses.begin(), kTrafficClasses.end(), name);
  if (found == kTrafficClasses.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kTrafficClasses.begin());
}

class Collector {
 public:
  Collector(const CorpusFile& file, Examples& examples) : file_(file), examples_(examples) {
    examples_.captures.push_back({file.name, file.main_class, file.repository, file.sha256});
  }

  void take(const flow::FlowRecord& record) {
    const std::string_view name = label_of(file_.rules, record);
    ExampleCapture& capture = examples_.captures.back();
    const bool early = record.reason == flow::CloseReason::early;
    if (name.empty() || name == kIgnored) {
      if (!early) ++capture.ignored;
      return;
    }
    const auto class_index = class_of(name);
    if (!class_index) {
      unknown_class_ = name;
      return;
    }
    if (!early) ++capture.flows[*class_index];
    Example example;
    example.row = inputs_of(record);
    example.capture = static_cast<std::uint32_t>(examples_.captures.size() - 1);
    example.class_index = static_cast<std::uint8_t>(*class_index);
    example.early = early;
    example.first_ns = record.first_ns();
    example.last_ns = record.last_ns();
    std::copy_n(record.source(), MLG_ADDRESS_BYTES, example.source.begin());
    std::copy_n(record.destination(), MLG_ADDRESS_BYTES, example.destination.begin());
    examples_.flows.push_back(example);
  }

  base::Status result() const {
    if (unknown_class_.empty()) return {};
    return Error{ErrorCode::corrupt,
                 "labels.tsv: " + file_.name + " has the class " + unknown_class_};
  }

 private:
  const CorpusFile& file_;
  Examples& examples_;
  std::string unknown_class_;
};

base::Status read_file(const CorpusFile& file, EarlyRecords early, Examples& examples) {
  auto reader = capture::CaptureReader::open(file.path);
  if (!reader.ok()) return reader.error();
  Collector collector(file, examples);
  flow::TrackerOptions options;
  if (early == EarlyRecords::included) options.early_after_ns = kEarlyAfterNs;
  flow::Tracker tracker(options, [&](const flow::FlowRecord& record) { collector.take(record); });
  const capture::PacketCounts counts =
      capture::feed(**reader, tracker, [](const capture::PacketCounts&) { return true; });
  tracker.finish();
  if (!counts.end.ok()) return counts.end.error();
  examples.captures.back().first_ns = counts.first_ns;
  examples.captures.back().last_ns = counts.last_ns;
  return collector.result();
}

}  // namespace

base::Result<Examples> read_examples(const Corpus& corpus, EarlyRecords early,
                                     const CaptureRead& read) {
  Examples examples;
  for (const CorpusFile& file : corpus.files) {
    const base::Status done = read_file(file, early, examples);
    if (!done.ok()) {
      return Error{done.error().code, done.error().reason, file.path + ": " + done.error().message};
    }
    read(examples.captures.size(), corpus.files.size(), examples.flows.size());
  }
  return examples;
}

}  // namespace mlguard::ml_detector
