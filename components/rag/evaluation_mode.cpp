#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/time_format.h"
#include "rag/evaluation.h"
#include "rag/follower.h"
#include "rag/recorded_state.h"

namespace mlguard::rag {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongArguments = 2;
constexpr std::size_t kQuestionsBytesMax = 16U << 20U;
constexpr std::size_t kTimeBytesMax = 100;
constexpr std::string_view kCommand = "evaluate";

struct Arguments {
  std::string state;
  std::vector<std::string> questions;
  bool answers = false;
};

int fail(const base::Error& error) {
  std::fprintf(stderr, "rag: %s\n", error.message.c_str());
  return kFailed;
}

// What was recorded, as an index; nothing of it ages while questions are asked of it.
base::Result<std::unique_ptr<Index>> index_of(const std::string& folder) {
  auto index = Index::open(":memory:");
  if (!index.ok()) return index;
  const auto source = make_recorded_state(folder);
  const base::SystemClock clock;
  Follower follower(*source, **index, clock);
  constexpr int kForever = 3'650;
  follower.set_retention({.retention_days = kForever, .documents_max = 100'000'000});
  const auto synced = follower.sync(clock.monotonic_ms() + kRebuildMs);
  if (!synced.ok()) return synced.error();
  const auto docs = put_docs(**index, product_docs());
  if (!docs.ok()) return docs.error();
  return index;
}

// `recorded_at` of the folder, where there is one; else a minute after the newest record.
base::Result<std::int64_t> asked_at(const std::string& folder, const Index& index) {
  auto recorded = base::read_file(folder + "/recorded_at", kTimeBytesMax);
  if (recorded.ok()) {
    while (!recorded->empty() && recorded->back() <= ' ') recorded->pop_back();
    return base::parse_iso_time_ms(*recorded);
  }
  Filter filter;
  filter.limit = 1;
  const auto newest = index.find(filter);
  if (!newest.ok()) return newest.error();
  constexpr std::int64_t kMinuteMs = 60'000;
  return newest->empty() ? kMinuteMs : newest->front().at_ms + kMinuteMs;
}

base::Status ask_all(const std::string& path, std::int64_t now_ms, const Answerer& answerer,
                     bool print, std::vector<Judgement>& judgements) {
  const auto text = base::read_file(path, kQuestionsBytesMax);
  if (!text.ok()) return text.error();
  const auto questions = parse_questions(*text, now_ms);
  if (!questions.ok()) {
    base::Error error = questions.error();
    error.message = path + ": " + error.message;
    return error;
  }
  for (const JudgedQuestion& question : *questions) {
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = answerer.answer(question.question, {});
    const auto took = std::chrono::steady_clock::now() - begin;
    if (!answer.ok()) return answer.error();
    judgements.push_back(judge(question, *answer));
    judgements.back().took_us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    if (print) {
      std::printf("%s: %s\n(%s)\n%s\n\n", question.id.c_str(), question.question.text.c_str(),
                  answer->intent.c_str(), answer->text.c_str());
    }
  }
  return {};
}

int evaluate(const Arguments& arguments) {
  const auto index = index_of(arguments.state);
  if (!index.ok()) return fail(index.error());
  const auto now = asked_at(arguments.state, **index);
  if (!now.ok()) return fail(now.error());
  const auto answerer = Answerer::make(**index);
  std::vector<Judgement> judgements;
  for (const std::string& path : arguments.questions) {
    const auto asked = ask_all(path, *now, *answerer, arguments.answers, judgements);
    if (!asked.ok()) return fail(asked.error());
  }
  std::printf("%s", report_of(judgements).c_str());
  return totals_of(judgements).good() ? 0 : kFailed;
}

}  // namespace

bool wants_evaluation(int argc, char** argv) { return argc > 1 && argv[1] == kCommand; }

int run_evaluation(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("rag evaluate: judges the answers on a recorded state");
  app.require_subcommand(1);
  CLI::App* command = app.add_subcommand(std::string(kCommand), "Ask every question, and compare");
  command->add_option("--state", arguments.state, "Folder of a recorded state")->required();
  command->add_option("--questions", arguments.questions, "Files of questions")->required();
  command->add_flag("--answers", arguments.answers, "Print every answer, too");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongArguments;
  }
  return evaluate(arguments);
}

}  // namespace mlguard::rag
