#include "support/unprivileged.h"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "support/private_network.h"

namespace mlguard::support {
namespace {

constexpr unsigned kNobody = 65'534;

std::string drop_root() {
  if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
      setresuid(kNobody, kNobody, kNobody) != 0) {
    return std::string("cannot become nobody: ") + std::strerror(errno);
  }
  // The kernel makes a process that changed its user unreadable, also for its own test.
  prctl(PR_SET_DUMPABLE, 1);
  return {};
}

}  // namespace

std::string become_unprivileged(const std::string& build_folder) {
  static const std::string problem = [&]() -> std::string {
    if (geteuid() == 0) {
      std::string failed = enter_private_network();
      if (failed.empty()) failed = drop_root();
      if (!failed.empty()) return failed;
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (access(build_folder.c_str(), R_OK | X_OK) == 0) return {};
    return build_folder + " is not for every user: " + std::strerror(errno);
  }();
  return problem;
}

}  // namespace mlguard::support
