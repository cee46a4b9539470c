#include "support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>

extern char** environ;

namespace mlguard::support {
namespace {

constexpr int kExitCannotExecute = 127;

void require(bool fact, const char* what) {
  if (fact) return;
  std::perror(what);
  std::abort();
}

base::UniqueFd capture_file() {
  base::UniqueFd fd(memfd_create("captured", MFD_CLOEXEC));
  require(fd.valid(), "memfd_create");
  return fd;
}

std::string whole(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return {};
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count =
        pread(fd, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  text.resize(done);
  return text;
}

// A readable descriptor that yields `text` and then the end of file.
base::UniqueFd input_of(const std::string& text) {
  base::UniqueFd fd = capture_file();
  const ssize_t count = write(fd.get(), text.data(), text.size());
  require(count == static_cast<ssize_t>(text.size()), "write of standard input");
  lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::vector<std::string> merged_environment(const ProcessOptions& options) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : options.environment) all[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : all) lines.push_back(name + "=" + value);
  return lines;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

struct ChildPlan {
  char* const* arguments;
  char* const* environment;
  const char* folder;
  int in, out, err;
  pid_t parent;
};

// Runs between fork and exec: only calls that are safe there (signal-safety(7)).
[[noreturn]] void become(const ChildPlan& plan) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0);
  if (getppid() != plan.parent) _exit(kExitCannotExecute);
  if (plan.folder != nullptr && chdir(plan.folder) != 0) _exit(kExitCannotExecute);
  dup2(plan.in, STDIN_FILENO);
  dup2(plan.out, STDOUT_FILENO);
  dup2(plan.err, STDERR_FILENO);
  execve(plan.arguments[0], plan.arguments, plan.environment);
  _exit(kExitCannotExecute);
}

}  // namespace

std::string ExitStatus::text() const {
  return (signalled ? "signal " : "exit ") + std::to_string(code);
}

Process Process::start(const ProcessOptions& options) {
  Process process;
  process.out_ = capture_file();
  process.err_ = capture_file();
  const base::UniqueFd in = input_of(options.stdin_text);
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment = merged_environment(options);
  const std::vector<char*> argument_pointers = pointers(arguments);
  const std::vector<char*> environment_pointers = pointers(environment);
  const ChildPlan plan{argument_pointers.data(),
                       environment_pointers.data(),
                       options.folder.empty() ? nullptr : options.folder.c_str(),
                       in.get(),
                       process.out_.get(),
                       process.err_.get(),
                       getpid()};
  process.pid_ = fork();
  require(process.pid_ >= 0, "fork");
  if (process.pid_ == 0) become(plan);
  process.pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, process.pid_, 0)));
  require(process.pidfd_.valid(), "pidfd_open");
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      exit_(other.exit_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    kill_now();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    out_ = std::move(other.out_);
    err_ = std::move(other.err_);
    exit_ = other.exit_;
  }
  return *this;
}

Process::~Process() { kill_now(); }

bool Process::running() { return pid_ > 0 && !wait_exit(0).has_value(); }

void Process::signal(int number) {
  if (pid_ > 0 && !exit_) kill(pid_, number);
}

void Process::reap(int wait_status) {
  const bool signalled = WIFSIGNALED(wait_status);
  exit_ = ExitStatus{signalled, signalled ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status)};
}

std::optional<ExitStatus> Process::wait_exit(std::int64_t timeout_ms) {
  if (exit_ || pid_ <= 0) return exit_;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  if (poll(&ended, 1, static_cast<int>(timeout_ms)) <= 0) return std::nullopt;
  int wait_status = 0;
  if (waitpid(pid_, &wait_status, 0) == pid_) reap(wait_status);
  return exit_;
}

ExitStatus Process::kill_now() {
  if (pid_ > 0 && !exit_) {
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);  // when the child has not yet made its group
    int wait_status = 0;
    if (waitpid(pid_, &wait_status, 0) == pid_) reap(wait_status);
  }
  return exit_.value_or(ExitStatus{});
}

std::string Process::out() const { return whole(out_.get()); }
std::string Process::err() const { return whole(err_.get()); }

CommandResult run_command(const ProcessOptions& options, std::int64_t timeout_ms) {
  Process process = Process::start(options);
  std::optional<ExitStatus> exit = process.wait_exit(timeout_ms);
  if (!exit) exit = process.kill_now();
  return {*exit, process.out(), process.err()};
}

CommandResult run_shell(const std::string& command, ProcessOptions options,
                        std::int64_t timeout_ms) {
  options.arguments = {"/bin/sh", "-c", command};
  return run_command(options, timeout_ms);
}

}  // namespace mlguard::support
