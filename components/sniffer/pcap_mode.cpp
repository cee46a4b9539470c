#include "sniffer/pcap_mode.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string_view>
#include <vector>

#include "capture/capture_reader.h"
#include "capture/progress.h"
#include "sniffer/flow_writer.h"
#include "sniffer/parse_names.h"

namespace mlguard::sniffer {
namespace {

using capture::grouped;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

capture::PacketCounts feed(capture::CaptureReader& reader, flow::Tracker& tracker,
                           const FlowWriter& writer) {
  capture::Progress progress;
  return capture::feed(reader, tracker, [&](const capture::PacketCounts& counts) {
    if (progress.due()) {
      progress.show(reader.position_bytes(), reader.size_bytes(), counts.packets_seen);
    }
    return !writer.failed();
  });
}

struct RawFlags {
  PcapOptions options;
  std::string format;
  unsigned idle_timeout_s = 15;
  unsigned active_timeout_s = 60;
};

void add_flags(CLI::App& app, RawFlags& raw) {
  constexpr std::size_t kFlowsMaxMost = 16'777'216;
  app.add_option("--pcap", raw.options.capture_path,
                 "Capture to read (pcap or pcapng); - is standard input")
      ->required();
  app.add_option("--flows", raw.options.flows_path,
                 "Write one record a flow here; - is standard output");
  app.add_option("--format", raw.format, "csv or jsonl (default: by the name of --flows, else csv)")
      ->check(CLI::IsMember({"csv", "jsonl"}));
  app.add_option("--idle-timeout-s", raw.idle_timeout_s, "A flow without a packet for so long ends")
      ->check(CLI::Range(1U, 600U))
      ->capture_default_str();
  app.add_option("--active-timeout-s", raw.active_timeout_s, "A longer flow is told in parts")
      ->check(CLI::Range(1U, 3'600U))
      ->capture_default_str();
  app.add_option("--flows-max", raw.options.tracker.flows_max, "Flows followed at once")
      ->check(CLI::Range(std::size_t{1}, kFlowsMaxMost))
      ->capture_default_str();
  app.footer(
      "Columns: docs/features.md. Exit codes: 0; 1 the capture or the output failed (of a capture\n"
      "that is cut off, what came before is written); 2 wrong flags.");
}

PcapOptions options_of(const RawFlags& raw) {
  PcapOptions options = raw.options;
  options.format = flow_format(raw.format, options.flows_path);
  options.tracker.idle_timeout_ns = raw.idle_timeout_s * flow::kNsPerSecond;
  options.tracker.active_timeout_ns = raw.active_timeout_s * flow::kNsPerSecond;
  return options;
}

}  // namespace

base::Result<PcapSummary> read_capture(const PcapOptions& options) {
  const auto reader = capture::CaptureReader::open(options.capture_path);
  if (!reader.ok()) return reader.error();
  const auto writer = FlowWriter::open(options.flows_path, options.format);
  if (!writer.ok()) return writer.error();
  flow::Tracker tracker(options.tracker,
                        [&](const flow::FlowRecord& record) { (*writer)->add(record); });
  PcapSummary summary;
  static_cast<capture::PacketCounts&>(summary) = feed(**reader, tracker, **writer);
  tracker.finish();
  const base::Status written = (*writer)->finish();
  if (!written.ok()) return written.error();
  summary.flows_begun = tracker.flows_begun();
  for (std::size_t i = 0; i < flow::kCloseReasons; ++i) {
    summary.records[i] = tracker.records(static_cast<flow::CloseReason>(i));
  }
  summary.hosts_evicted = tracker.windows().hosts_evicted();
  summary.values_refused = tracker.windows().sketches().values_refused;
  return summary;
}

std::string summary_text(const PcapSummary& summary) {
  const std::uint64_t in_flows = summary.by_result[MLG_PARSE_OK];
  std::string passed_over;
  for (unsigned result = MLG_PARSE_OK + 1; result < MLG_PARSE_RESULTS; ++result) {
    const std::uint64_t count = summary.by_result[result];
    if (count == 0) continue;
    passed_over += passed_over.empty() ? ": " : ", ";
    passed_over += grouped(count) + " " + parse_text(result);
  }
  std::string records;
  std::uint64_t records_total = 0;
  for (std::size_t i = 0; i < flow::kCloseReasons; ++i) {
    if (summary.records[i] == 0) continue;
    records_total += summary.records[i];
    records += records.empty() ? ": " : ", ";
    records +=
        grouped(summary.records[i]) + " " + flow::to_string(static_cast<flow::CloseReason>(i));
  }
  constexpr double kSecondsPerNs = 1e-9;
  std::array<char, 64> span{};
  std::snprintf(span.data(), span.size(), "%.3f",
                static_cast<double>(summary.last_ns - summary.first_ns) * kSecondsPerNs);
  std::string text = "packets  " + grouped(summary.packets_seen) + " seen = " + grouped(in_flows) +
                     " in flows + " + grouped(summary.packets_seen - in_flows) + " passed over" +
                     passed_over + "\nflows    " + grouped(summary.flows_begun) + " begun, " +
                     grouped(records_total) + " records" + records + "\ntime     " + span.data() +
                     " s of traffic\n";
  if (summary.hosts_evicted + summary.values_refused > 0) {
    text += "windows  " + grouped(summary.hosts_evicted) + " hosts made room, " +
            grouped(summary.values_refused) + " distinct values not counted\n";
  }
  return text;
}

namespace {

// What belongs to the other modes, as somebody might type it here.
constexpr std::array<std::string_view, 5> kOfOtherModes = {"--iface", "--replay", "--standalone",
                                                           "--endpoints", "--join"};

std::string_view of_other_mode(int argc, char** argv) {
  for (const std::string_view argument : std::vector<std::string_view>(argv + 1, argv + argc)) {
    const std::string_view name = argument.substr(0, argument.find('='));
    const auto* found = std::find(kOfOtherModes.begin(), kOfOtherModes.end(), name);
    if (found != kOfOtherModes.end()) return *found;
  }
  return {};
}

}  // namespace

bool wants_pcap_mode(int argc, char** argv) {
  return std::any_of(argv + std::min(argc, 1), argv + argc, [](std::string_view argument) {
    return argument == "--pcap" || argument.rfind("--pcap=", 0) == 0;
  });
}

int run_pcap_mode(int argc, char** argv) {
  const std::string_view other = of_other_mode(argc, argv);
  if (!other.empty()) {
    std::cerr << "sniffer: --pcap writes a capture's flows by itself, and does not go with "
              << other << "; to send them to the ml-detectors: sniffer --replay FILE\n";
    return kExitUsage;
  }
  RawFlags raw;
  CLI::App app(
      "sniffer --pcap: the flows of a capture and their features, without a control plane.",
      "sniffer");
  add_flags(app, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  const base::Result<PcapSummary> summary = read_capture(options_of(raw));
  if (!summary.ok()) {
    std::cerr << "sniffer: " << summary.error().message << "\n";
    return kExitFailed;
  }
  // Records on standard output stand there alone.
  (raw.options.flows_path == "-" ? std::cerr : std::cout) << summary_text(*summary) << std::flush;
  if (summary->end.ok()) return 0;
  std::cerr << "sniffer: " << summary->end.error().message << "\n";
  return kExitFailed;
}

}  // namespace mlguard::sniffer
