#include "rag/evaluation.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "rag/fact_check.h"

namespace mlguard::rag {
namespace {

constexpr std::size_t kRecallAt = 5;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool holds(const std::string& text, const std::string& part) {
  return lower(text).find(lower(part)) != std::string::npos;
}

std::string joined(const OneOf& choice) {
  std::string text;
  for (const std::string& one : choice) text += (text.empty() ? "'" : " or '") + one + "'";
  return text;
}

bool is_cited(const wire::Answer& answer, const std::string& passage) {
  for (std::size_t i = 0; i < answer.citations.size() && i < kRecallAt; ++i) {
    const wire::Citation& citation = answer.citations[i];
    if ((citation.table + " " + citation.key).starts_with(passage)) return true;
  }
  return false;
}

void judge_proposal(const JudgedQuestion& question, const wire::Answer& answer, Judgement& judged) {
  const auto& expected = question.proposal;
  if (!expected) {
    // A question that is no wish must never lead to a proposal.
    if (answer.proposal && question.intent != "propose") {
      judged.failures.push_back("proposes " + answer.proposal->command);
    }
    return;
  }
  if (!answer.proposal) {
    judged.failures.push_back("proposes nothing");
    return;
  }
  const wire::Proposal& made = *answer.proposal;
  if (!expected->action.empty() && made.action != expected->action) {
    judged.failures.push_back("proposes the action " + made.action);
  }
  if (!expected->command.empty() && made.command != expected->command) {
    judged.failures.push_back("proposes: " + made.command);
  }
  for (const std::string& part : expected->contains) {
    if (!holds(made.command, part)) judged.failures.push_back("the command lacks '" + part + "'");
  }
  for (const std::string& part : expected->diff) {
    if (!holds(made.diff, part)) judged.failures.push_back("the difference lacks '" + part + "'");
  }
}

void judge_passages(const JudgedQuestion& question, const wire::Answer& answer, Judgement& judged) {
  for (const OneOf& choice : question.passages) {
    ++judged.passages;
    const bool found = std::any_of(choice.begin(), choice.end(), [&](const std::string& passage) {
      return is_cited(answer, passage);
    });
    if (found) {
      ++judged.passages_found;
    } else {
      judged.failures.push_back("does not cite " + joined(choice));
    }
  }
}

std::string category_of(const std::string& id) { return id.substr(0, id.find('-')); }

double share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 1 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string row(const std::string& name, const Totals& totals) {
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(), "%-16s %9zu %8zu %7zu/%-7zu %7zu/%-7zu %9zu\n",
                name.c_str(), totals.questions, totals.passed, totals.intents_exact,
                totals.intents_asked, totals.passages_found, totals.passages, totals.invented);
  return text.data();
}

}  // namespace

Judgement judge(const JudgedQuestion& question, const wire::Answer& answer) {
  Judgement judged;
  judged.id = question.id;
  judged.question = question.question.text;
  if (!question.intent.empty()) {
    judged.intent_asked = true;
    judged.intent_exact = answer.intent == question.intent;
    if (!judged.intent_exact) {
      judged.failures.push_back("is taken for " + answer.intent + ", not " + question.intent);
    }
  }
  for (const OneOf& choice : question.facts) {
    const bool found = std::any_of(choice.begin(), choice.end(), [&](const std::string& fact) {
      return holds(answer.text, fact);
    });
    if (!found) judged.failures.push_back("lacks " + joined(choice));
  }
  for (const std::string& text : question.forbidden) {
    const bool said =
        holds(answer.text, text) || (answer.proposal && holds(answer.proposal->command, text));
    if (said) judged.failures.push_back("says '" + text + "'");
  }
  if (question.known && *question.known != answer.known) {
    judged.failures.push_back(answer.known ? "claims to know" : "does not know");
  }
  judge_passages(question, answer, judged);
  judge_proposal(question, answer, judged);
  for (const UnsupportedFact& invented : unsupported_facts(answer, question.question)) {
    ++judged.invented;
    judged.failures.push_back("invents '" + invented.fact.text + "' in: " + invented.statement);
  }
  return judged;
}

double Totals::intents_share() const { return share(intents_exact, intents_asked); }
double Totals::recall() const { return share(passages_found, passages); }
bool Totals::good() const {
  return questions > 0 && intents_share() >= kIntentsExactMin && recall() >= kRecallMin &&
         invented == 0 && share(passed, questions) >= kPassedMin;
}

Totals totals_of(const std::vector<Judgement>& judgements) {
  Totals totals;
  for (const Judgement& one : judgements) {
    ++totals.questions;
    if (one.failures.empty()) ++totals.passed;
    if (one.intent_asked) ++totals.intents_asked;
    if (one.intent_exact) ++totals.intents_exact;
    totals.passages += one.passages;
    totals.passages_found += one.passages_found;
    totals.invented += one.invented;
  }
  return totals;
}

std::string report_of(const std::vector<Judgement>& judgements) {
  std::map<std::string, std::vector<Judgement>> by_category;
  std::string failures;
  std::vector<std::int64_t> times;
  for (const Judgement& one : judgements) {
    by_category[category_of(one.id)].push_back(one);
    times.push_back(one.took_us);
    for (const std::string& failure : one.failures) {
      failures += one.id + " (" + one.question + "): " + failure + "\n";
    }
  }
  std::string text =
      "category         questions   passed   intents exact        recall@5  invented\n";
  for (const auto& [name, category] : by_category) text += row(name, totals_of(category));
  const Totals totals = totals_of(judgements);
  text += row("all", totals);
  if (!failures.empty()) text += "\n" + failures;
  std::sort(times.begin(), times.end());
  const auto at = [&](std::size_t percent) {
    return times.empty() ? 0.0
                         : static_cast<double>(times[(times.size() - 1) * percent / 100]) / 1000.0;
  };
  std::array<char, 300> line{};
  std::snprintf(line.data(), line.size(),
                "\nintents exact %.1f %%, recall@5 %.3f, invented facts %zu, passed %zu of %zu; "
                "answered in %.1f ms p50, %.1f ms p95\n",
                100 * totals.intents_share(), totals.recall(), totals.invented, totals.passed,
                totals.questions, at(50), at(95));
  return text + line.data();
}

}  // namespace mlguard::rag
