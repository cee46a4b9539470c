// ml-guard backup: the whole state in a file.
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

// It reads the whole state.
constexpr std::chrono::minutes kTimeAllowed{10};

struct BackupOptions {
  std::string file;
  bool force = false;
};

struct Backup {
  std::string id;
  std::uint64_t bytes = 0;
  std::string sha256;
  std::string revision;
};

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
  auto answer = context.send("POST", "/v1/backups");
  if (!answer.ok()) return answer.error();
  Backup backup;
  backup.id = field_of(*answer, "id");
  backup.bytes = to_number(field_of(*answer, "bytes"));
  if (backup.bytes == 0) backup.bytes = to_number(field_of(*answer, "size"));
  backup.sha256 = field_of(*answer, "sha256");
  backup.revision = field_of(*answer, "revision");
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

base::Status run_backup(Context& context, const BackupOptions& options) {
  if (!options.force && access(options.file.c_str(), F_OK) == 0) {
    return base::Error{base::ErrorCode::conflict, "exists",
                       options.file + " is there already; choose another name, or add --force"};
  }
  context.allow_time(kTimeAllowed);
  auto file = PartialFile::create(options.file);
  if (!file.ok()) return file.error();
  context.stay_put();  // The copy lies with the instance that makes it.
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

}  // namespace

void define_backup(CLI::App& app, Context& context) {
  const auto options = std::make_shared<BackupOptions>();
  app.add_option("FILE", options->file, "A new file, mode 0600: an SQLite database")->required();
  app.add_flag("--force", options->force, "Replace the file");
  set_examples(app, {"backup state-$(date +%F).db"});
  set_action(app, context, [&context, options] { return run_backup(context, *options); });
}

}  // namespace mlguard::cli
