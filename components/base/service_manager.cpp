#include "base/service_manager.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace mlguard::base {

namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Status send_datagram(std::string_view path, std::string_view text) {
  sockaddr_un address{};
  if (path.size() >= sizeof(address.sun_path)) {
    return Error{ErrorCode::invalid_argument, "NOTIFY_SOCKET is too long for a socket's name"};
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  // '@' stands for the zero byte that an abstract name begins with.
  if (path.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto sent =
      ::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), length);  // NOLINT: the API's own way.
  if (sent == static_cast<ssize_t>(text.size())) return {};
  return Error{ErrorCode::io,
               "cannot tell the service manager: " + std::string(std::strerror(errno))};
}

}  // namespace

bool readiness_is_awaited() { return !environment("NOTIFY_SOCKET").empty(); }

Status tell_ready() {
  if (!readiness_is_awaited()) return {};
  return send_datagram(environment("NOTIFY_SOCKET"), "READY=1");
}

bool stderr_is_journal() {
  const std::string_view stream = environment("JOURNAL_STREAM");
  struct stat is {};
  if (stream.empty() || ::fstat(STDERR_FILENO, &is) != 0) return false;
  return stream == std::to_string(is.st_dev) + ":" + std::to_string(is.st_ino);
}

}  // namespace mlguard::base
