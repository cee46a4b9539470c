// ml-guard: the operator's command.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "cli/cli.h"

namespace {

constexpr std::size_t kTerminalColumnsMin = 40;

std::size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return mlguard::cli::kTerminalColumnsDefault;
  }
  return std::max<std::size_t>(size.ws_col, kTerminalColumnsMin);
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that went away (`| head`) shows as a failed write, not as a sudden death.
  std::signal(SIGPIPE, SIG_IGN);
  std::ios::sync_with_stdio(false);
  mlguard::cli::Streams streams{std::cin,
                                std::cout,
                                std::cerr,
                                isatty(STDIN_FILENO) == 1,
                                isatty(STDOUT_FILENO) == 1,
                                isatty(STDERR_FILENO) == 1,
                                terminal_columns()};
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return mlguard::cli::run(arguments, streams, mlguard::cli::Environment::of_process());
}
