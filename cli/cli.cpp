#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <ostream>

#include "base/clock.h"
#include "base/files.h"
#include "cli/advice.h"
#include "cli/app.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/help.h"

extern char** environ;

namespace mlguard::cli {
namespace {

int number(ExitCode code) { return static_cast<int>(code); }

void print_error(Streams& streams, Color color, const std::string& what,
                 const std::string& advice) {
  streams.out.flush();
  streams.err << paint("error:", Tone::bad, color) << " " << what << "\n";
  if (!advice.empty()) streams.err << "try: " << advice << "\n";
}

int finish(Context& context, const base::Status& status) {
  Streams& streams = context.streams();
  streams.out.flush();
  if (status.ok()) {
    // A full disk behind a redirection must not look like success.
    if (streams.out.good()) return number(ExitCode::ok);
    // The reader has seen enough (`ml-guard changes | head`): nothing to complain about.
    if (errno == EPIPE) return number(ExitCode::failed);
    print_error(streams, Color::off, "the output could not be written", "");
    return number(ExitCode::failed);
  }
  const base::Error& error = status.error();
  print_error(streams, context.settings().err_color, error.message,
              advice_for(error, context.subject(), context.settings()));
  return number(exit_code_of(error));
}

int parse_failed(Context& context, const CLI::App& app, const std::vector<std::string>& arguments,
                 const CLI::ParseError& problem) {
  Streams& streams = context.streams();
  if (problem.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    // --help and --version arrive as exceptions.
    streams.out << (dynamic_cast<const CLI::CallForVersion*>(&problem) != nullptr
                        ? std::string(problem.what()) + "\n"
                        : app.help());
    streams.out.flush();
    return number(ExitCode::ok);
  }
  if (arguments.empty()) {
    streams.err << root_help(app);
    return number(ExitCode::usage);
  }
  const Complaint complaint = complain(app, arguments, problem.what());
  print_error(streams, Color::off, complaint.what, complaint.advice);
  return number(ExitCode::usage);
}

}  // namespace

std::string Environment::get(const std::string& name) const {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string() : found->second;
}

Environment Environment::of_process() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) {
      environment.variables[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  environment.state_home = base::state_home();
  return environment;
}

int run(const std::vector<std::string>& arguments, Streams& streams,
        const Environment& environment) {
  const base::SystemClock clock;
  Context context(streams, environment, clock);
  const auto app = make_app(context);
  try {
    // CLI11 takes the words from the back.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app->parse(reversed);
  } catch (const CLI::ParseError& problem) {
    return parse_failed(context, *app, arguments, problem);
  }
  const base::Status settings = context.resolve();
  if (!settings.ok()) return finish(context, settings);
  return finish(context, context.run_action());
}

}  // namespace mlguard::cli
