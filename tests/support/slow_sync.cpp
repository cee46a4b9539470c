// Preloaded into a server (LD_PRELOAD) to make its disk slow: while the file named by
// SLOW_SYNC_WHILE exists, every fsync and fdatasync takes SLOW_SYNC_MS longer. Any thread.
#include <dlfcn.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace {

using SyncCall = int (*)(int);

int slowly(const char* name, int fd) {
  const char* file = std::getenv("SLOW_SYNC_WHILE");
  const char* ms = std::getenv("SLOW_SYNC_MS");
  if (file != nullptr && ms != nullptr && access(file, F_OK) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::atoll(ms)));
  }
  return reinterpret_cast<SyncCall>(dlsym(RTLD_NEXT, name))(fd);
}

}  // namespace

extern "C" int fsync(int fd) { return slowly("fsync", fd); }
extern "C" int fdatasync(int fd) { return slowly("fdatasync", fd); }
