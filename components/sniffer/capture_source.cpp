#include "sniffer/capture_source.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/logging.h"
#include "bpf/flow_table.h"
#include "capture/capture_reader.h"
#include "capture/link_layer.h"
#include "flow/tracker.h"

namespace mlguard::sniffer {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using capture::CapturedPacket;
using capture::CaptureReader;
using flow::kNsPerSecond;

constexpr double kNsPerElapsedMs = 1e6;
constexpr std::uint64_t kNsPerWallMs = 1'000'000;
constexpr unsigned kPercent = 100;
constexpr std::size_t kPathCharsTold = 200;
// A capture's sample is the same each time it is played. (The kernel programs' key is a secret
// because it finds their flows, too.) Multiples of the golden ratio's fraction spread evenly.
constexpr std::uint32_t kSampleKeyStep = 0x9e3779b9;
constexpr auto kSampleKey = [] {
  std::array<std::uint32_t, MLG_HASH_WORDS> key{};
  std::uint32_t word = 0;
  for (std::uint32_t& each : key) each = word += kSampleKeyStep;
  return key;
}();

const char* to_string(RoundEnd end, bool held) {
  if (end == RoundEnd::all) return "over";
  return held ? "waiting" : "playing";
}

std::string pace_text(double pace) {
  if (std::isinf(pace)) return "max";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", pace);
  return text.data();
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// The file to play. What is piped in is kept in a temporary one, which goes with this.
struct Recording {
  std::string name;  // as people know it
  std::string path;
  File kept;
};

bool is_piped(const std::string& path) {
  std::error_code unknown;
  return path == "-" || std::filesystem::is_fifo(path, unknown);
}

Result<Recording> keep_piped(const std::string& path) {
  Recording recording{path == "-" ? "standard input" : path, {}, File(std::tmpfile())};
  const File pipe(path == "-" ? fdopen(dup(STDIN_FILENO), "rb") : std::fopen(path.c_str(), "rb"));
  if (!recording.kept) return base::errno_error("could not keep", recording.name, errno);
  if (!pipe) return base::errno_error("could not open", recording.name, errno);
  std::vector<char> part(1 << 16);
  std::uint64_t bytes = 0;
  while (const std::size_t got = std::fread(part.data(), 1, part.size(), pipe.get())) {
    bytes += got;
    if (bytes > kPipedBytesMax) {
      return Error{ErrorCode::too_large, "capture_too_large",
                   recording.name + " has more than " + std::to_string(kPipedBytesMax >> 20U) +
                       " MiB: write it to a file, and play that"};
    }
    if (std::fwrite(part.data(), 1, got, recording.kept.get()) != got) break;
  }
  const bool is_kept = std::fflush(recording.kept.get()) == 0;
  if (!is_kept || std::ferror(recording.kept.get()) != 0 || std::ferror(pipe.get()) != 0) {
    return base::errno_error("could not keep", recording.name, errno);
  }
  recording.path = "/proc/self/fd/" + std::to_string(fileno(recording.kept.get()));
  return recording;
}

// Errors call it as people know it.
template <class Value>
Result<Value> named(Result<Value> result, const Recording& recording) {
  if (result.ok()) return result;
  Error error = result.error();
  const std::size_t at = error.message.find(recording.path);
  if (at != std::string::npos) error.message.replace(at, recording.path.size(), recording.name);
  return error;
}

Result<std::unique_ptr<CaptureReader>> open_recording(const Recording& recording) {
  return named(CaptureReader::open(recording.path), recording);
}

class CaptureSource final : public PacketSource {
 public:
  CaptureSource(ReplayOptions options, Recording recording, const base::Clock& clock,
                std::unique_ptr<CaptureReader> reader)
      : options_(std::move(options)),
        recording_(std::move(recording)),
        clock_(clock),
        reader_(std::move(reader)) {}

  Status load(std::uint32_t /*flows_max*/) override { return {}; }
  bool is_recorded() const override { return true; }
  Status apply(const LiveConfig& config) override {
    sample_below_ = mlg_sample_threshold(config.sample_one_in);
    return {};
  }
  void keep_up() override {}
  bool is_lost() const override { return false; }
  void close() override { end_ = RoundEnd::all; }

  Result<xdp::Counters> counters() override { return counters_; }
  Status read_round(xdp::FlowRound& round, Demand demand) override;
  RoundEnd round_end() const override { return end_; }
  std::uint64_t event_offset_ns() const override { return 0; }
  std::uint64_t told_offset_ns() const override { return told_offset_ns_; }
  Status health() const override { return problem_; }
  std::string json() const override;

 private:
  void play(xdp::FlowRound& round, std::int64_t elapsed_ms);
  // False: there is none any more, and the pass is over.
  bool read_next();
  void begin_pass();
  void end_pass();
  void end_all(const Error& error);
  void take_next(xdp::FlowRound& round);
  __u64& fate(unsigned which) { return counters_[MLG_POINT_INGRESS].fates[which]; }

  const ReplayOptions options_;
  const Recording recording_;
  const base::Clock& clock_;
  std::unique_ptr<CaptureReader> reader_;  // Null between two passes.
  std::optional<CapturedPacket> next_;     // Read, and not due yet. Its time is event time.
  bool pass_begun_ = false;
  std::uint64_t pass_packets_ = 0;
  std::uint32_t passes_ = 0;  // Played to their end.
  std::uint64_t in_flows_ = 0;
  std::uint64_t now_ns_ = 0;    // Event time: how far the capture was played.
  std::uint64_t shift_ns_ = 0;  // From the capture's time to event time: whole seconds.
  std::uint64_t told_offset_ns_ = 0;
  std::int64_t read_at_ms_ = 0;  // On the monotonic clock.
  std::uint32_t sample_below_ = mlg_sample_threshold(1);
  xdp::Counters counters_ = {};
  bool held_ = true;
  RoundEnd end_ = RoundEnd::goes_on;
  Status problem_;
};

Status CaptureSource::read_round(xdp::FlowRound& round, Demand demand) {
  round.events.clear();
  round.flows.clear();
  const std::int64_t now_ms = clock_.monotonic_ms();
  const std::int64_t elapsed_ms = now_ms - std::exchange(read_at_ms_, now_ms);
  held_ = demand == Demand::held;
  if (end_ == RoundEnd::pass) end_ = RoundEnd::goes_on;
  if (!held_ && end_ != RoundEnd::all) play(round, elapsed_ms);
  round.cutoff_ns = now_ns_;
  return {};
}

void CaptureSource::play(xdp::FlowRound& round, std::int64_t elapsed_ms) {
  const bool is_paced = !std::isinf(options_.pace);
  const double step_ns =
      is_paced ? static_cast<double>(elapsed_ms) * kNsPerElapsedMs * options_.pace : 0;
  std::uint64_t until_ns = now_ns_ + static_cast<std::uint64_t>(step_ns);
  for (std::size_t read = 0; read < kRoundPacketsMax; ++read) {
    if (!next_ && !read_next()) return;
    if (!pass_begun_) {
      begin_pass();
      until_ns = now_ns_;
    }
    if (is_paced && next_->time_ns > until_ns) {
      now_ns_ = std::max(now_ns_, until_ns);
      return;
    }
    now_ns_ = std::max(now_ns_, next_->time_ns);
    take_next(round);
  }
}

bool CaptureSource::read_next() {
  if (!reader_) {
    auto again = open_recording(recording_);
    if (!again.ok()) {
      end_all(again.error());
      return false;
    }
    reader_ = std::move(*again);
  }
  CapturedPacket packet;
  const Result<bool> more = named(reader_->next(packet), recording_);
  if (!more.ok()) {
    end_all(more.error());
    return false;
  }
  if (!*more) {
    end_pass();
    return false;
  }
  packet.time_ns += shift_ns_;
  next_ = packet;
  return true;
}

// Event time goes on from pass to pass, and so do the times that are told where they are ahead of
// the clock: nothing that counts by time sees it go back.
void CaptureSource::begin_pass() {
  pass_begun_ = true;
  if (passes_ > 0 && next_->time_ns <= now_ns_) {
    const std::uint64_t behind_ns = now_ns_ - next_->time_ns;
    const std::uint64_t more_ns = (behind_ns / kNsPerSecond + 1) * kNsPerSecond;
    shift_ns_ += more_ns;
    next_->time_ns += more_ns;
  }
  const std::uint64_t wall_ns = static_cast<std::uint64_t>(clock_.wall_ms()) * kNsPerWallMs;
  const bool is_ahead =
      passes_ > 0 && options_.pace > 1 && next_->time_ns + told_offset_ns_ > wall_ns;
  if (!is_ahead) told_offset_ns_ = wall_ns - next_->time_ns;
  now_ns_ = next_->time_ns;
}

void CaptureSource::take_next(xdp::FlowRound& round) {
  mlg_event event = {};
  event.time_ns = next_->time_ns;
  const mlg_parse_result result =
      capture::parse_link(reader_->link_type(), next_->bytes, next_->size, event.packet);
  next_.reset();
  ++pass_packets_;
  ++counters_[MLG_POINT_INGRESS].seen;
  if (result != MLG_PARSE_OK) {
    ++fate(MLG_FATE_PASSED_OVER + static_cast<unsigned>(result) - 1);
    return;
  }
  mlg_flow_key key;
  mlg_flow_key_of(&event.packet, &key);
  if (static_cast<std::uint32_t>(mlg_flow_hash(&key, kSampleKey.data())) > sample_below_) {
    ++fate(MLG_FATE_SAMPLED_OUT);
    return;
  }
  ++in_flows_;
  ++fate(MLG_FATE_EVENT);
  round.events.push_back(event);
}

void CaptureSource::end_pass() {
  reader_.reset();
  pass_begun_ = false;
  ++passes_;
  const bool is_last = passes_ == options_.times;
  // What repeats for hours would fill the log.
  if (passes_ == 1 || is_last) {
    base::log_info("capture played", {{"file", recording_.name},
                                      {"times", passes_},
                                      {"packets", pass_packets_},
                                      {"in_flows", in_flows_}});
  }
  pass_packets_ = 0;
  if (in_flows_ == 0) {
    return end_all(
        {ErrorCode::invalid_argument, "no_flows",
         recording_.name + " holds no packet that belongs to a flow (TCP, UDP or ICMP)"});
  }
  end_ = is_last ? RoundEnd::all : RoundEnd::pass;
}

void CaptureSource::end_all(const Error& error) {
  base::log_warn("the capture ends here", {{"problem", error.message}});
  problem_ = error;
  end_ = RoundEnd::all;
}

std::string CaptureSource::json() const {
  const std::uint64_t size = reader_ ? reader_->size_bytes() : 0;
  const std::uint64_t done = reader_ ? std::min(reader_->position_bytes(), size) : 0;
  nlohmann::ordered_json told = {
      {"file", recording_.name.substr(0, kPathCharsTold)},
      {"state", to_string(end_, held_)},
      {"pace", pace_text(options_.pace)},
      {"played", passes_},
      {"times", options_.times},
      {"percent", size == 0 ? (end_ == RoundEnd::all ? kPercent : 0) : kPercent * done / size}};
  return nlohmann::ordered_json({{"capture", told}})
      .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

Result<double> parse_pace(const std::string& text) {
  if (text == "max") return kPaceAsFastAsItGoes;
  double pace = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, pace);
  if (parsed.ec == std::errc() && parsed.ptr == end && pace >= kPaceMin && pace <= kPaceMax) {
    return pace;
  }
  return Error{ErrorCode::invalid_argument, "invalid_pace",
               "--pace is how many seconds of the capture go by in a second, 0.01 to 1000, or "
               "max: not '" +
                   text + "'"};
}

Result<std::unique_ptr<PacketSource>> open_capture_source(const ReplayOptions& options,
                                                          const base::Clock& clock) {
  Recording recording{options.path, options.path, nullptr};
  if (is_piped(options.path)) {
    auto kept = keep_piped(options.path);
    if (!kept.ok()) return kept.error();
    recording = std::move(*kept);
  }
  auto reader = open_recording(recording);
  if (!reader.ok()) return reader.error();
  return Result<std::unique_ptr<PacketSource>>(
      std::make_unique<CaptureSource>(options, std::move(recording), clock, std::move(*reader)));
}

}  // namespace mlguard::sniffer
