#include "ml_detector/packed_file.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/files.h"
#include "base/unique_fd.h"

extern char** environ;

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

// What xz writes of the file, bounded.
base::Result<std::string> text_until_end(int fd, const std::string& path, std::size_t bytes_max) {
  constexpr std::size_t kPieceBytes = 1U << 16U;
  std::string text;
  std::vector<char> piece(kPieceBytes);
  for (;;) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::errno_error("could not unpack", path, errno);
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > bytes_max) {
      return Error{ErrorCode::too_large,
                   path + ": unpacked it has over " + std::to_string(bytes_max) + " bytes"};
    }
  }
}

base::Result<std::string> unpacked(const std::string& path, std::size_t bytes_max) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return base::errno_error("no pipe for", path, errno);
  base::UniqueFd from(ends[0]);
  base::UniqueFd into(ends[1]);
  std::array<std::string, 4> words = {"xz", "-dc", "--", path};
  std::array<char*, 5> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, into.get(), STDOUT_FILENO);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, "xz", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  into.reset();
  if (failed != 0) return Error{ErrorCode::io, "xz could not be started: install xz-utils"};
  auto text = text_until_end(from.get(), path, bytes_max);
  // xz ends by itself when nobody reads any more.
  from.reset();
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (text.ok() && status != 0) {
    return Error{ErrorCode::io, "xz could not unpack " + path + ": fetch the file anew"};
  }
  return text;
}

}  // namespace

base::Result<std::string> read_packed_file(const std::string& path, std::size_t bytes_max) {
  return path.ends_with(".xz") ? unpacked(path, bytes_max) : base::read_file(path, bytes_max);
}

}  // namespace mlguard::ml_detector
