#include "ml_detector/examples.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "flow/tracker.h"
#include "ml_detector/fast_rules.h"
#include "ml_detector/variants.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

// As the live sniffer has it.
constexpr std::uint64_t kEarlyAfterNs = 250'000'000;
constexpr std::string_view kIgnored = "ignore";
constexpr double kFaster = 0.25;
constexpr double kSlower = 4;
// Guessers of passwords take all the time that it takes not to be seen.
constexpr std::string_view kPatient = "bruteforce";
constexpr double kMuchSlower = 16;
// So many benign captures of one source are the traffic of one client, one begun after the other.
constexpr std::size_t kMixedCaptures = 16;
constexpr std::array<std::uint64_t, 2> kMixedApartNs = {2 * flow::kNsPerSecond,
                                                        flow::kNsPerSecond / 4};

std::optional<std::size_t> class_of(std::string_view name) {
  const auto found = std::find(kTrafficClasses.begin(), kTrafficClasses.end(), name);
  if (found == kTrafficClasses.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kTrafficClasses.begin());
}

// Flows of one capture, or of a variant of it, become examples.
class Collector {
 public:
  Collector(const std::vector<LabelRule>& rules, ExampleCapture about, Examples& examples)
      : rules_(rules), examples_(examples) {
    examples_.captures.push_back(std::move(about));
  }

  base::Status run(const Packets& packets, Purpose purpose) {
    flow::TrackerOptions options;
    if (purpose == Purpose::training) options.early_after_ns = kEarlyAfterNs;
    flow::Tracker tracker(options, [&](const flow::FlowRecord& record) { take(record); });
    ExampleCapture& capture = examples_.captures.back();
    capture.first_ns = packets.empty() ? 0 : packets.front().time_ns;
    for (const TimedPacket& one : packets) {
      tracker.add(one.packet, one.time_ns);
      capture.first_ns = std::min(capture.first_ns, one.time_ns);
      capture.last_ns = std::max(capture.last_ns, one.time_ns);
    }
    tracker.finish();
    if (unknown_class_.empty()) return {};
    return Error{ErrorCode::corrupt,
                 "labels.tsv: " + capture.name + " has the class " + unknown_class_};
  }

 private:
  void take(const flow::FlowRecord& record) {
    const std::string_view name = label_of(rules_, record);
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
    const auto verdict = fast_rules_.look(record);
    Example example;
    example.row = inputs_of(record);
    example.capture = static_cast<std::uint32_t>(examples_.captures.size() - 1);
    example.class_index = static_cast<std::uint8_t>(*class_index);
    example.early = early;
    if (verdict) {
      example.rule_class = static_cast<std::uint8_t>(class_of(verdict->kind).value_or(0));
      example.rule_score = static_cast<float>(verdict->score);
    }
    example.first_ns = record.first_ns();
    example.last_ns = record.last_ns();
    std::copy_n(record.source(), MLG_ADDRESS_BYTES, example.source.begin());
    examples_.flows.push_back(example);
  }

  const std::vector<LabelRule>& rules_;
  FastRules fast_rules_{0};
  Examples& examples_;
  std::string unknown_class_;
};

class Reader {
 public:
  explicit Reader(Purpose purpose) : purpose_(purpose) {}

  base::Status read(const CorpusFile& file) {
    auto packets = read_packets(file.path);
    if (!packets.ok()) {
      const Error& error = packets.error();
      return Error{error.code, error.reason, file.path + ": " + error.message};
    }
    ExampleCapture about;
    about.name = file.name;
    about.main_class = file.main_class;
    about.repository = file.repository;
    about.sha256 = file.sha256;
    const bool mixes = purpose_ == Purpose::training && file.main_class == kTrafficClasses[0];
    about.group =
        mixes ? file.repository + " " + std::to_string(mixes_of_[file.repository]) : file.name;
    const auto add = [&](Variant variant, const Packets& of_variant) {
      about.variant = variant;
      return Collector(file.rules, about, examples_).run(of_variant, purpose_);
    };
    base::Status done = add(Variant::as_it_is, *packets);
    if (purpose_ == Purpose::judging || !done.ok()) return done;
    done = add(Variant::faster, stretched(*packets, kFaster));
    if (done.ok()) done = add(Variant::slower, stretched(*packets, kSlower));
    if (done.ok() && file.main_class == kPatient) {
      done = add(Variant::slower, stretched(*packets, kMuchSlower));
    }
    if (!mixes || !done.ok() || file.rules.empty()) return done;
    parts_.push_back(std::move(*packets));
    part_ = about;
    return parts_.size() < kMixedCaptures ? base::Status{} : finish_mix();
  }

  // To be called when another repository or class begins, and at the end.
  base::Status finish_mix() {
    if (parts_.empty()) return {};
    static const std::vector<LabelRule> all_benign = {
        LabelRule{{}, {}, -1, -1, std::string(kTrafficClasses[0])}};
    part_.variant = Variant::mixed;
    part_.name = "mix of " + part_.group;
    part_.sha256.clear();
    ++mixes_of_[part_.repository];
    base::Status done;
    for (const std::uint64_t apart_ns : kMixedApartNs) {
      if (done.ok()) {
        done = Collector(all_benign, part_, examples_).run(mixed(parts_, apart_ns), purpose_);
      }
    }
    parts_.clear();
    return done;
  }

  bool continues_mix(const CorpusFile& file) const {
    return parts_.empty() || part_.repository == file.repository;
  }
  const Examples& examples() const { return examples_; }
  Examples finish() { return std::move(examples_); }

 private:
  Purpose purpose_;
  Examples examples_;
  std::vector<Packets> parts_;  // of the mix that is being put together
  ExampleCapture part_;         // the last of them
  std::map<std::string, std::size_t> mixes_of_;
};

}  // namespace

base::Result<Examples> read_examples(const Corpus& corpus, Purpose purpose,
                                     const CaptureRead& read) {
  Reader reader(purpose);
  std::size_t done = 0;
  for (const CorpusFile& file : corpus.files) {
    if (!reader.continues_mix(file)) {
      if (const auto mixed = reader.finish_mix(); !mixed.ok()) return mixed.error();
    }
    if (const auto was_read = reader.read(file); !was_read.ok()) return was_read.error();
    read(++done, corpus.files.size(), reader.examples().flows.size());
  }
  if (const auto mixed = reader.finish_mix(); !mixed.ok()) return mixed.error();
  return reader.finish();
}

}  // namespace mlguard::ml_detector
