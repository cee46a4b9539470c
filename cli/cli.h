// The front door of cli/: ml-guard, the operator's command. main.cpp calls run() with the process's
// own streams and environment; tests call it with theirs. Everything goes over the API through
// etcd_client: nothing here opens the database.
//
// Threads: run() blocks the calling thread; one run at a time (it installs signal handling while a
// command follows something).
#pragma once

#include <cstddef>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

namespace mlguard::cli {

inline constexpr std::size_t kTerminalColumnsDefault = 80;

// Where a run reads and writes, and what is known about it.
struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::size_t columns = kTerminalColumnsDefault;  // of the terminal behind out
};

// What the process was told from outside.
struct Environment {
  std::map<std::string, std::string> variables;
  std::string state_home;  // Where a server on this host keeps operator.key.

  std::string get(const std::string& name) const;
  static Environment of_process();
};

// `arguments` without the program's name. Returns the process's exit code (exit_code.h).
int run(const std::vector<std::string>& arguments, Streams& streams,
        const Environment& environment);

}  // namespace mlguard::cli
