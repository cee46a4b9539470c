// ml-guard ask: a question to rag, its answer with what it stands on, and, after a yes, the change
// that it proposes.
#include <CLI/CLI.hpp>
#include <ctime>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "base/time_format.h"
#include "cli/advice.h"
#include "cli/ask_actions.h"
#include "cli/ask_exchange.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/line_reader.h"
#include "cli/listing.h"
#include "cli/wrapped_text.h"

namespace mlguard::cli {
namespace {

constexpr std::chrono::milliseconds kAskTimeMin{20'000};
constexpr const char* kPrompt = "ask> ";

struct AskOptions {
  std::vector<std::string> words;
  bool yes = false;
  bool no_act = false;
};

int utc_offset_min(std::int64_t now_ms) {
  const auto now = static_cast<std::time_t>(now_ms / 1'000);
  std::tm local{};
  if (::localtime_r(&now, &local) == nullptr) return 0;
  return static_cast<int>(local.tm_gmtoff / 60);
}

// One line: what was pasted with line breaks in it is one question all the same.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const bool is_gap = static_cast<unsigned char>(c) <= ' ' || c == 0x7F;
    if (!is_gap) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string harmless_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out += harmless(text.substr(0, end)) + "\n";
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

// One question's way through the terminal.
class Conversation {
 public:
  Conversation(Context& context, const AskOptions& options, std::string question)
      : context_(context),
        options_(options),
        question_(std::move(question)),
        prose_(context.columns_max()) {}

  base::Status run(wire::AskSubject& subject);

 private:
  bool streams_prose() const { return context_.table() && context_.streams().out_is_terminal; }
  void hear(std::string_view piece);
  void begin_again();
  void print_text();
  void print_citations();
  void print_proposal(const Action& action, const Change& change);
  base::Status act();
  base::Result<bool> agreed();
  void print_json();

  Context& context_;
  const AskOptions& options_;
  const std::string question_;
  WrappedText prose_;
  bool heard_ = false;
  Asked asked_;
  std::string outcome_;  // For -o json, as the next ones.
  std::string command_;
  std::string result_;
  std::string undo_;
};

void Conversation::hear(std::string_view piece) {
  if (!streams_prose()) return;
  heard_ = true;
  context_.out() << prose_.feed(piece) << std::flush;
}

void Conversation::begin_again() {
  if (!std::exchange(heard_, false)) return;
  context_.out() << prose_.finish() << std::flush;
  context_.note("rag was interrupted and begins again:");
}

void Conversation::print_text() {
  const wire::Answer& answer = asked_.answer;
  std::ostream& out = context_.out();
  if (heard_) out << prose_.finish();
  if (!heard_ || !answer.prose) {
    if (heard_) out << "\n";
    out << prose_.feed(answer.text) << prose_.finish();
  }
  if (answer.remark.empty()) return;
  WrappedText remark(context_.columns_max());
  std::string text = remark.feed("(" + answer.remark + ")");
  text += remark.finish();
  if (!text.empty()) text.pop_back();
  out << context_.painted(text, Tone::faint) << "\n";
}

void Conversation::print_citations() {
  const auto& citations = asked_.answer.citations;
  if (citations.empty()) return;
  Table table({text_column(""), text_column("FROM"), shrinking_column("WHICH"),
               number_column("REVISION"), text_column("TIME"), spare_age_column("AGE")});
  for (std::size_t i = 0; i < citations.size(); ++i) {
    const wire::Citation& one = citations[i];
    const std::string time = one.at_ms == 0 ? "" : base::iso_time(one.at_ms);
    table.add_row({"[" + std::to_string(i + 1) + "]", one.table, one.key,
                   one.revision == 0 ? std::string() : std::to_string(one.revision),
                   short_time(time),
                   one.at_ms == 0 ? std::string() : age_cell(one.at_ms, context_.now_ms())});
  }
  context_.out() << "\n" << table.render(context_.columns_max(), context_.settings().out_color);
}

void Conversation::print_proposal(const Action& action, const Change& change) {
  if (!context_.table()) return;
  context_.out() << "\nthis would run:\n  " << harmless(action.command) << "\n"
                 << colored_diff(harmless_lines(change.diff), context_.settings().out_color)
                 << std::flush;
}

// False: nobody has said yes, which is no error.
base::Result<bool> Conversation::agreed() {
  if (options_.yes) return true;
  outcome_ = "proposed";
  if (!context_.streams().in_is_terminal || !context_.table()) {
    context_.note("nothing was changed; to have it run, ask again with --yes");
    return false;
  }
  auto sure = context_.agreed("Run it?", "nothing was changed");
  if (sure.ok() && !*sure) outcome_ = "declined";
  return sure;
}

base::Status Conversation::act() {
  const wire::Proposal& proposal = *asked_.answer.proposal;
  auto action = plan_action(proposal, question_);
  if (!action.ok()) {
    outcome_ = "refused";
    if (options_.yes) return action.error();
    context_.note(harmless(action.error().message));
    return {};
  }
  auto change = preview(context_, *action, proposal);
  if (!change.ok()) return change.error();
  command_ = action->command;
  undo_ = change->undo;
  print_proposal(*action, *change);
  if (change->diff.empty()) {
    outcome_ = "nothing to do";
    context_.note("it is so already; nothing was changed");
    return {};
  }
  const auto yes = agreed();
  if (!yes.ok() || !*yes) return yes.ok() ? base::Status() : base::Status(yes.error());
  wire::Proposal wanted = proposal;
  wanted.command = action->command;
  // Recorded first: what cannot be recorded is not run.
  const auto approved = approve(context_, asked_.id, wanted);
  if (!approved.ok()) return approved;
  if (context_.json()) context_.collect_reports(&result_);
  const auto done = run_action(context_, *action);
  context_.collect_reports(nullptr);
  if (!done.ok()) return done;
  outcome_ = "done";
  if (context_.table()) context_.note("undo with  " + harmless(change->undo));
  return {};
}

void Conversation::print_json() {
  using Json = nlohmann::ordered_json;
  Json json = {{"question", question_}, {"outcome", outcome_}};
  json["answer"] = Json::parse(wire::encode(asked_.answer), nullptr, false);
  if (!command_.empty()) json["command"] = command_;
  if (!result_.empty()) json["result"] = result_;
  if (outcome_ == "done") json["undo"] = undo_;
  context_.out() << pretty_json(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

base::Status Conversation::run(wire::AskSubject& subject) {
  wire::Question question;
  question.text = question_;
  question.subject = subject;
  question.asked_at_ms = context_.now_ms();
  question.utc_offset_min = utc_offset_min(question.asked_at_ms);
  auto asked = ask(context_, question,
                   {[this](std::string_view piece) { hear(piece); }, [this] { begin_again(); }});
  if (!asked.ok()) {
    begin_again();
    return asked.error();
  }
  asked_ = std::move(*asked);
  subject = asked_.answer.subject;
  outcome_ = asked_.answer.known ? "answered" : "unknown";
  if (context_.table()) {
    print_text();
    print_citations();
  } else if (context_.raw()) {
    context_.out() << harmless_lines(asked_.answer.text);
  }
  base::Status acted;
  if (asked_.answer.proposal && options_.no_act) outcome_ = "proposed";
  if (asked_.answer.proposal && !options_.no_act) acted = act();
  if (context_.json()) print_json();
  context_.out() << std::flush;
  return acted;
}

base::Status ask_one(Context& context, const AskOptions& options, const std::string& typed,
                     wire::AskSubject& subject) {
  const std::string question = one_line(typed);
  if (display_width(question) > wire::kQuestionCharsMax) {
    return usage_error("a question has at most " + std::to_string(wire::kQuestionCharsMax) +
                       " characters");
  }
  return Conversation(context, options, question).run(subject);
}

void print_problem(Context& context, const base::Error& error) {
  std::ostream& err = context.streams().err;
  err << paint("error:", Tone::bad, context.settings().err_color) << " " << harmless(error.message)
      << "\n";
  const std::string advice = advice_for(error, context.subject(), context.settings());
  if (!advice.empty()) err << "try: " << advice << "\n";
}

// One question a line. Who types goes on after an error; a script gets the first one at its end.
base::Status ask_lines(Context& context, const AskOptions& options) {
  const bool typed = context.streams().in_is_terminal;
  if (typed)
    context.note("ask about configuration, rules, detections, health; end with exit or Ctrl-D");
  const std::string history = context.environment().state_home.empty()
                                  ? std::string()
                                  : context.environment().state_home + "/ask_history";
  LineReader lines(context.streams(), kPrompt, history);
  wire::AskSubject subject;
  base::Status first;
  while (const auto line = lines.next()) {
    const std::string said = one_line(*line);
    if (said.empty()) continue;
    if (typed && (said == "exit" || said == "quit")) break;
    const auto status = ask_one(context, options, *line, subject);
    context.out() << (context.table() ? "\n" : "") << std::flush;
    if (status.ok()) continue;
    if (first.ok() && !typed) first = status;
    print_problem(context, status.error());
  }
  if (typed) context.out() << "\n";
  return first;
}

base::Status run_ask(Context& context, const AskOptions& options) {
  if (options.yes && options.no_act) return usage_error("--yes and --no-act exclude each other");
  context.allow_time(kAskTimeMin);
  std::string question;
  for (const std::string& word : options.words) question += (question.empty() ? "" : " ") + word;
  if (one_line(question).empty()) {
    if (!options.words.empty()) return usage_error("the question is empty");
    return ask_lines(context, options);
  }
  wire::AskSubject subject;
  return ask_one(context, options, question, subject);
}

}  // namespace

void define_ask(CLI::App& app, Context& context) {
  const auto options = std::make_shared<AskOptions>();
  app.add_option("QUESTION", options->words, "In plain English; without one, asks line by line");
  app.add_flag("-y,--yes", options->yes, "Run what the answer proposes without asking");
  app.add_flag("--no-act", options->no_act, "Only answer; run nothing");
  set_examples(app, {"ask \"why is 10.0.0.5 blocked?\"", "ask what changed since yesterday",
                     "ask \"raise the detector's block threshold to 0.9\"", "ask"});
  set_action(app, context, [&context, options] { return run_ask(context, *options); });
}

}  // namespace mlguard::cli
