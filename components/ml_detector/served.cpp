#include "ml_detector/served.h"

#include <algorithm>
#include <utility>

#include "flow/flow_text.h"
#include "flow/tracker.h"
#include "ml_detector/evaluation.h"
#include "ml_detector/report.h"
#include "ml_detector/variants.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::uint64_t kNsPerMs = flow::kNsPerSecond / 1'000;
constexpr std::uint64_t kToldEarlyNs = 250 * kNsPerMs;  // as the live sniffer

std::string text_of(const Verdict& verdict) {
  return verdict.kind + " by " + verdict.by + ": " +
         flow::address_text(verdict.source.bytes.data()) + " to " +
         flow::address_text(verdict.destination.bytes.data()) + ":" +
         std::to_string(verdict.destination_port) + ", score " + figure(verdict.score);
}

base::Status serve(const CorpusFile& file, const std::shared_ptr<const LoadedModel>& model,
                   Served& served) {
  const auto packets = read_packets(file.path);
  if (!packets.ok()) return packets.error();
  PolicySettings settings;
  settings.block_c2_servers = true;
  Judge judge({}, settings, 0, {});
  judge.set_model(model);
  std::vector<Span> spans;
  const auto keep = [&](const std::vector<ToldReport>& told) {
    for (const ToldReport& each : told) {
      served.reports.push_back(
          {file.name, text_of(each.report.verdict), each.report.block.has_value()});
    }
  };
  flow::TrackerOptions options;
  options.early_after_ns = kToldEarlyNs;
  flow::Tracker tracker(options, [&](const flow::FlowRecord& record) {
    const auto at_ms = static_cast<std::int64_t>(record.last_ns() / kNsPerMs);
    keep(judge.due({at_ms, at_ms}));
    keep(judge.look({record}, {at_ms, at_ms}));
    if (record.reason != flow::CloseReason::early) {
      spans.push_back({record.first_ns(), record.last_ns()});
    }
  });
  for (const TimedPacket& one : *packets) tracker.add(one.packet, one.time_ns);
  tracker.finish();
  ++served.captures;
  served.flows += spans.size();
  served.hours += hours_of(std::move(spans));
  return {};
}

}  // namespace

std::size_t Served::blocks() const {
  return static_cast<std::size_t>(
      std::count_if(reports.begin(), reports.end(), [](const auto& one) { return one.blocked; }));
}

base::Result<Served> serve_benign(const Corpus& corpus,
                                  const std::shared_ptr<const LoadedModel>& model) {
  Served served;
  for (const CorpusFile& file : corpus.files) {
    if (file.main_class != kTrafficClasses[0] || file.rules.empty()) continue;
    if (const auto done = serve(file, model, served); !done.ok()) return done.error();
  }
  return served;
}

std::string served_text(const std::string& name, const Served& served) {
  const auto per_hour = [&](std::size_t count) {
    return served.hours > 0 ? figure(static_cast<double>(count) / served.hours) : "–";
  };
  std::string text = name + ": " + std::to_string(served.captures) + " captures, " +
                     whole_figure(static_cast<double>(served.flows)) + " flows in " +
                     figure(served.hours) + " hours; " + std::to_string(served.reports.size()) +
                     " false detections (" + per_hour(served.reports.size()) + " an hour), " +
                     std::to_string(served.blocks()) + " false blocks (" +
                     per_hour(served.blocks()) + " an hour).\n\n";
  for (const FalseReport& report : served.reports) {
    text +=
        "- " + report.capture + ": " + report.text + (report.blocked ? ", **blocked**" : "") + "\n";
  }
  return text + (served.reports.empty() ? "" : "\n");
}

}  // namespace mlguard::ml_detector
