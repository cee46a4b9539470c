// ml-guard backup, verify: keeping the state, and trusting it.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <ostream>

#include "base/files.h"
#include "base/sha256.h"
#include "base/unique_fd.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/listing.h"
#include "cli/progress.h"

namespace mlguard::cli {
namespace {

constexpr std::uint64_t kPieceBytes = 1024 * 1024;
constexpr mode_t kPrivateFileMode = 0600;  // the state holds configurations, and they hold secrets

// Both read the whole state.
constexpr std::chrono::minutes kTimeAllowed{10};

struct Options {
  std::string file;
  bool force = false;
};

struct Backup {
  std::string id;
  std::uint64_t bytes = 0;
  std::string sha256;
  std::string revision;
};

std::uint64_t to_number(const std::string& text) {
  return std::strtoull(text.c_str(), nullptr, 10);
}

// The file under a name of its own until it is whole; removed when it never becomes so.
class PartialFile {
 public:
  static base::Result<PartialFile> create(const std::string& path) {
    const std::string partial = path + ".part";
    unlink(partial.c_str());  // left by a run that was interrupted
    base::UniqueFd fd(
        open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kPrivateFileMode));
    if (!fd.valid()) return base::errno_error("could not create", partial, errno);
    return PartialFile(path, partial, std::move(fd));
  }
  PartialFile(PartialFile&&) = default;
  PartialFile& operator=(PartialFile&&) = delete;
  ~PartialFile() {
    if (fd_.valid()) unlink(partial_.c_str());
  }

  base::Status append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return base::errno_error("could not write", partial_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  base::Status finish() {
    if (fsync(fd_.get()) != 0) return base::errno_error("could not write", partial_, errno);
    if (rename(partial_.c_str(), path_.c_str()) != 0) {
      return base::errno_error("could not rename", partial_, errno);
    }
    fd_.reset();
    return {};
  }

 private:
  PartialFile(std::string path, std::string partial, base::UniqueFd fd)
      : path_(std::move(path)), partial_(std::move(partial)), fd_(std::move(fd)) {}
  std::string path_;
  std::string partial_;
  base::UniqueFd fd_;
};

base::Result<Backup> request_backup(Context& context) {
  etcd_client::RawRequest request;
  request.method = "POST";
  request.target = "/v1/backups";
  auto answer = context.call(request);
  if (!answer.ok()) return answer.error();
  Backup backup;
  backup.id = field_of(answer->body, "id");
  backup.bytes = to_number(field_of(answer->body, "bytes"));
  if (backup.bytes == 0) backup.bytes = to_number(field_of(answer->body, "size"));
  backup.sha256 = field_of(answer->body, "sha256");
  backup.revision = field_of(answer->body, "revision");
  if (backup.id.empty() || backup.bytes == 0 || backup.sha256.empty()) {
    return base::Error{base::ErrorCode::corrupt, "bad_answer",
                       "the server's answer about the backup is incomplete"};
  }
  return backup;
}

base::Status download(Context& context, const Backup& backup, PartialFile& file) {
  ProgressBar bar(context.streams(), "backup",
                  context.settings().quiet ? ProgressBar::Show::off : ProgressBar::Show::on);
  base::Sha256 hash;
  std::uint64_t offset = 0;
  while (offset < backup.bytes) {
    auto piece =
        context.get("/v1/backups/" + url_encode(backup.id) + "?offset=" + std::to_string(offset) +
                    "&length=" + std::to_string(kPieceBytes));
    if (!piece.ok()) return piece.error();
    if (piece->empty() || piece->size() > backup.bytes - offset) {
      return base::Error{base::ErrorCode::corrupt, "bad_backup",
                         "the server sent another number of bytes than it announced"};
    }
    hash.update(*piece);
    const auto written = file.append(*piece);
    if (!written.ok()) return written;
    offset += piece->size();
    bar.update(offset, backup.bytes);
  }
  if (hash.finish() != backup.sha256) {
    return base::Error{base::ErrorCode::corrupt, "bad_backup",
                       "what arrived has another SHA-256 than the server's copy; nothing was kept"};
  }
  return {};
}

base::Status run_backup(Context& context, const Options& options) {
  if (!options.force && access(options.file.c_str(), F_OK) == 0) {
    return base::Error{base::ErrorCode::conflict, "exists",
                       options.file + " is there already; choose another name, or add --force"};
  }
  context.allow_time(kTimeAllowed);
  auto file = PartialFile::create(options.file);
  if (!file.ok()) return file.error();
  auto backup = request_backup(context);
  if (!backup.ok()) return backup.error();
  const auto downloaded = download(context, *backup, *file);
  etcd_client::RawRequest done;
  done.method = "DELETE";
  done.target = "/v1/backups/" + url_encode(backup->id);
  // The server forgets it by itself after a while: a failure here harms nothing.
  if (const auto removed = context.call(done); !removed.ok()) {
    context.note("the server keeps its copy for a while: " + removed.error().message);
  }
  if (!downloaded.ok()) return downloaded;
  const auto finished = file->finish();
  if (!finished.ok()) return finished;
  using Kind = JsonField::Kind;
  context.report("wrote " + options.file + ": " + human_bytes(backup->bytes) + ", revision " +
                     backup->revision + ", sha256 " + backup->sha256,
                 json_object({{"file", options.file},
                              {"bytes", std::to_string(backup->bytes), Kind::literal},
                              {"revision", backup->revision, Kind::literal},
                              {"sha256", backup->sha256}}),
                 backup->sha256);
  return {};
}

void print_report(Context& context, const std::string& report, bool good) {
  const auto number = [&](const char* key) { return grouped(to_number(field_of(report, key))); };
  const std::string entries = number("entries_checked");
  context.out() << "history   "
                << (entries == "0"
                        ? "nothing has happened yet"
                        : entries + " entries, revision " + number("first_revision") + " to " +
                              number("last_revision") + ", each digest recomputed")
                << "\nrows      " << number("rows_checked")
                << " rows, each hashed; their sum is the state digest\ndigest    "
                << harmless(field_of(report, "state_digest"))
                << "\nstructure checked by SQLite\nresult    "
                << (good ? context.painted("everything agrees", Tone::good)
                         : context.painted("the state is damaged", Tone::bad))
                << "\n";
}

base::Status run_verify(Context& context) {
  context.allow_time(kTimeAllowed);
  auto report = context.get("/v1/verify");
  if (!report.ok()) return report.error();
  const std::string problems = field_of(*report, "problems");
  const bool good = problems.empty() || problems == "[]";
  if (context.json()) {
    context.out() << pretty_json(*report);
  } else if (context.raw()) {
    for (const char* key : {"entries_checked", "rows_checked", "first_revision", "last_revision",
                            "state_digest", "problems"}) {
      context.out() << key << "\t" << harmless(field_of(*report, key)) << "\n";
    }
  } else {
    print_report(context, *report, good);
  }
  if (good) return {};
  return base::Error{
      base::ErrorCode::corrupt, "verify_failed",
      "the state is damaged: " + harmless(problems) +
          ". Keep a backup of the data folder as it is, then restore an earlier one"};
}

}  // namespace

void define_backup(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  app.add_option("FILE", options->file, "A new file, mode 0600: an SQLite database")->required();
  app.add_flag("--force", options->force, "Replace the file");
  set_examples(app, {"backup state-$(date +%F).db"});
  set_action(app, context, [&context, options] { return run_backup(context, *options); });
}

void define_verify(CLI::App& app, Context& context) {
  set_examples(app, {"verify", "verify --timeout 5m"});
  set_action(app, context, [&context] { return run_verify(context); });
}

}  // namespace mlguard::cli
