// Runs ml-guard inside the test, with streams and an environment of its own.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "cli/cli.h"

namespace mlguard::cli {

struct Outcome {
  int exit_code = 0;
  std::string out;
  std::string err;
};

enum class Input { pipe, terminal };

inline Outcome run_cli(const std::vector<std::string>& arguments,
                       const Environment& environment = {}, const std::string& input = {},
                       Input from = Input::pipe) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Streams streams{in, out, err};
  streams.in_is_terminal = from == Input::terminal;
  const int code = run(arguments, streams, environment);
  return {code, out.str(), err.str()};
}

}  // namespace mlguard::cli
