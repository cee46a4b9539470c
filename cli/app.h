// The command line as a CLI11 tree, and what to say when it cannot be parsed. Not for sharing
// between threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace mlguard::cli {

class Context;

// The whole tree: global flags, every command of the table, `help`. `context` must outlive it.
std::unique_ptr<CLI::App> make_app(Context& context);

// What was mistyped, and what to type: filled from the words themselves, because a parser only
// knows that something did not fit.
struct Complaint {
  std::string what;
  std::string advice;
};
Complaint complain(const CLI::App& root, const std::vector<std::string>& arguments,
                   const std::string& parser_message);

}  // namespace mlguard::cli
