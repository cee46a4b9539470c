// ml-guard config edit: $EDITOR, a look at the difference, and a compare-and-set.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ostream>
#include <utility>

#include "base/files.h"
#include "cli/commands/config.h"
#include "cli/input.h"
#include "cli/text_diff.h"

namespace mlguard::cli {
namespace {

constexpr mode_t kPrivateFileMode = 0600;

// A folder of our own with the document in it: editors write their swap files beside it, and a
// configuration may hold secrets. Removed with whatever the editor left.
class EditFolder {
 public:
  static base::Result<EditFolder> make(const Environment& environment) {
    const std::string base = environment.get("TMPDIR").empty() ? "/tmp" : environment.get("TMPDIR");
    std::string pattern = base + "/ml-guard-edit-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
      return base::errno_error("could not make a folder", pattern, errno);
    }
    return EditFolder(pattern);
  }
  EditFolder(EditFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  EditFolder& operator=(EditFolder&&) = delete;
  ~EditFolder() {
    if (path_.empty() || keep_) return;
    unlink(file().c_str());
    unlink((file() + "~").c_str());
    rmdir(path_.c_str());
  }
  // The name ends in .json, so that editors colour it.
  std::string file() const { return path_ + "/" + "config.json"; }
  void keep() { keep_ = true; }

 private:
  explicit EditFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
  bool keep_ = false;
};

std::string editor_command(const Environment& environment) {
  for (const char* name : {"VISUAL", "EDITOR"}) {
    const std::string value = environment.get(name);
    if (!value.empty()) return value;
  }
  return "vi";
}

// Through the shell, because people set EDITOR="code --wait"; the file's name is an argument and
// never part of the command.
base::Status run_editor(const std::string& editor, const std::string& file) {
  const std::string script = "exec " + editor + " \"$1\"";
  const pid_t child = fork();
  if (child < 0) return base::errno_error("could not start", editor, errno);
  if (child == 0) {
    std::signal(SIGPIPE, SIG_DFL);
    execl("/bin/sh", "sh", "-c", script.c_str(), "sh", file.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return base::Error{base::ErrorCode::io, "editor_failed",
                     "the editor '" + editor + "' did not end well; nothing was written"};
}

// Edits until the text is valid or the person gives up. An Error keeps the file and names it.
base::Result<std::string> edit_until_valid(Context& context, EditFolder& folder,
                                           const std::string& editor) {
  while (true) {
    const auto edited = run_editor(editor, folder.file());
    if (!edited.ok()) return edited.error();
    auto text = read_document(context.streams(), folder.file());
    if (!text.ok()) return text.error();
    const auto valid = check_document(*text, "the edited document");
    if (valid.ok()) return text;
    context.streams().err << valid.error().message << "\n";
    auto again = context.confirm("Edit again?");
    if (again.ok() && *again) continue;
    folder.keep();
    base::Error error = valid.error();
    error.reason = "invalid_document";
    error.message += "; nothing was written, and your text is in " + folder.file();
    return error;
  }
}

}  // namespace

base::Status config_edit(Context& context, const ConfigOptions& options) {
  context.set_subject(options.component);
  auto client = context.client();
  if (!client.ok()) return client.error();
  auto config = (*client)->get_config(options.component);
  const bool is_new = !config.ok() && config.error().reason == "no_config";
  if (!config.ok() && !is_new) return config.error();
  const std::string before = is_new ? "{\n}\n" : config->document;

  auto folder = EditFolder::make(context.environment());
  if (!folder.ok()) return folder.error();
  const auto written = base::write_file_atomic(folder->file(), before, kPrivateFileMode);
  if (!written.ok()) return written.error();
  auto after = edit_until_valid(context, *folder, editor_command(context.environment()));
  if (!after.ok()) return after.error();
  if (*after == before) {
    context.note("nothing was changed");
    return {};
  }

  const std::uint64_t version = is_new ? 0 : config->version;
  const std::string name = options.component + " version ";
  context.out() << colored_diff(unified_diff(before, *after, name + std::to_string(version),
                                             name + std::to_string(version + 1)),
                                context.settings().out_color)
                << std::flush;
  if (!options.yes) {
    auto sure = context.confirm("Store this as the next version?");
    if (!sure.ok() || !*sure) {
      folder->keep();
      context.note("nothing was written; your text is in " + folder->file());
      return sure.ok() ? base::Status{} : base::Status{sure.error()};
    }
  }
  etcd_client::PutOptions put_options;
  put_options.expected_version = version;
  put_options.comment = options.comment;
  auto result = (*client)->put_config(options.component, *after, put_options);
  if (!result.ok()) {
    folder->keep();
    base::Error error = result.error();
    error.message += "; your text is in " + folder->file();
    return error;
  }
  report_version(context, options.component, *result, "stored " + human_bytes(after->size()));
  return {};
}

}  // namespace mlguard::cli
