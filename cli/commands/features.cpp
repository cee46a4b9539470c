// ml-guard features FILE.pcap: the flows of a capture, as the sniffer beside this command sees
// them.
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/flow_words.h"
#include "cli/listing.h"

namespace mlguard::cli {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

struct FeaturesOptions {
  std::string capture;
  std::size_t limit = 50;
};

// Installed together; else whatever the PATH has.
std::string sniffer_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto beside = self.parent_path() / "sniffer";
  return !error && std::filesystem::exists(beside, error) ? beside.string() : "sniffer";
}

// The sniffer with its records coming through a pipe; what it remarks goes to our error stream.
class SnifferRun {
 public:
  SnifferRun(const std::string& capture, const char* format) {
    int ends[2] = {-1, -1};
    if (pipe(ends) != 0) return;
    child_ = fork();
    if (child_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
      const std::string program = sniffer_program();
      execlp(program.c_str(), "sniffer", "--pcap", capture.c_str(), "--flows", "-", "--format",
             format, static_cast<char*>(nullptr));
      std::fprintf(stderr, "cannot run %s: %s\n", program.c_str(), std::strerror(errno));
      _exit(127);
    }
    close(ends[1]);
    records_ = fdopen(ends[0], "r");
  }
  ~SnifferRun() {
    if (records_ != nullptr) static_cast<void>(std::fclose(records_));
    if (child_ > 0) waitpid(child_, nullptr, 0);
  }
  SnifferRun(const SnifferRun&) = delete;
  SnifferRun& operator=(const SnifferRun&) = delete;

  bool next_line(std::string& line) {
    if (records_ == nullptr) return false;
    const ssize_t size = getline(&line_, &capacity_, records_);
    if (size <= 0) return false;
    line.assign(line_, static_cast<std::size_t>(size));
    return true;
  }
  // After the last line.
  base::Status finish() {
    std::free(line_);
    line_ = nullptr;
    int status = 0;
    const pid_t ended = child_ > 0 ? waitpid(std::exchange(child_, -1), &status, 0) : -1;
    if (ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return base::Error{base::ErrorCode::io, "not_read",
                       "the capture could not be read to its end: the lines above say why"};
  }

 private:
  pid_t child_ = -1;
  FILE* records_ = nullptr;
  char* line_ = nullptr;
  std::size_t capacity_ = 0;
};

base::Status copy_records(Context& context, const FeaturesOptions& options, const char* format) {
  SnifferRun sniffer(options.capture, format);
  std::string line;
  while (context.out().good() && sniffer.next_line(line)) context.out() << line;
  return sniffer.finish();
}

struct Row {
  std::uint64_t bytes = 0;
  std::vector<Cell> cells;
};

base::Status print_table(Context& context, const FeaturesOptions& options) {
  SnifferRun sniffer(options.capture, "jsonl");
  std::vector<Row> rows;
  std::string line;
  while (sniffer.next_line(line)) {
    const auto field = [&](const char* name) { return field_of(line, name); };
    const std::uint64_t bytes = to_number(field("fwd_bytes")) + to_number(field("rev_bytes"));
    std::array<char, 32> seconds{};
    std::snprintf(seconds.data(), seconds.size(), "%.3f",
                  std::strtod(field("duration").c_str(), nullptr));
    rows.push_back({bytes,
                    {end_text(field("source"), field("source_port")),
                     end_text(field("destination"), field("destination_port")),
                     protocol_name(field("protocol")), grouped(to_number(field("packets"))),
                     human_bytes(bytes), std::string(seconds.data()), field("closed")}});
  }
  const base::Status read = sniffer.finish();
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.bytes > b.bytes; });
  Table table({shrinking_column("FROM"), shrinking_column("TO"), text_column("PROTOCOL"),
               number_column("PACKETS"), number_column("BYTES"), number_column("SECONDS"),
               text_column("ENDED")});
  for (std::size_t i = 0; i < std::min(rows.size(), options.limit); ++i) {
    table.add_row(std::move(rows[i].cells));
  }
  if (read.ok() || !rows.empty()) context.print(table, "no flows in it");
  if (rows.size() > options.limit) {
    context.note(grouped(rows.size() - options.limit) + " smaller ones: --limit " +
                 std::to_string(rows.size()));
  }
  if (!rows.empty()) {
    context.note("all features of each: -o raw (CSV) or -o json; docs/features.md explains them");
  }
  return read;
}

base::Status run_features(Context& context, const FeaturesOptions& options) {
  if (context.json()) return copy_records(context, options, "jsonl");
  if (context.raw()) return copy_records(context, options, "csv");
  return print_table(context, options);
}

}  // namespace

void define_features(CLI::App& app, Context& context) {
  auto options = std::make_shared<FeaturesOptions>();
  app.add_option("FILE", options->capture, "Capture (pcap or pcapng); - is standard input")
      ->required();
  app.add_option("-n,--limit", options->limit, "Flows in the table at the most, largest first")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  set_examples(app, {"features monday.pcap", "features monday.pcap -o raw > flows.csv",
                     "features - < monday.pcap"});
  set_action(app, context, [&context, options] { return run_features(context, *options); });
}

}  // namespace mlguard::cli
