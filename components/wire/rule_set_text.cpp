#include "wire/rule_set_text.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/time_format.h"
#include "wire/json_reader.h"

namespace mlguard::wire {

namespace {

// Values of so many rules stay below kLargeJsonValuesMax.
constexpr std::size_t kPlainRulesMax = 200'000;
constexpr std::size_t kRuleTextBytesMin = 48;  // of the shortest rule
constexpr std::size_t kWholeDigitsMax = 18;    // below kWholeMax, whatever they are

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }
bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '.' ||
         c == '-';
}

// ---- Writing -------------------------------------------------------------------------------

class Writer {
 public:
  explicit Writer(const base::RuleSet& set) {
    constexpr std::size_t kRuleTextBytes = 256;
    out_.reserve(kRuleTextBytes * (set.rules.size() + 1));
  }

  void raw(std::string_view text) { out_ += text; }
  void whole(std::uint64_t number) { out_ += std::to_string(number); }
  void text(const std::string& text) {
    if (!std::all_of(text.begin(), text.end(), is_plain)) {
      out_ += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
      return;
    }
    out_ += '"';
    out_ += text;
    out_ += '"';
  }
  void number(double number) {
    // Most rules have the score of the one before.
    if (number != number_ || number_text_.empty()) {
      number_ = number;
      number_text_ = nlohmann::json(number).dump();
    }
    out_ += number_text_;
  }
  void rule(const base::Rule& rule) {
    raw("{");
    if (!rule.id.empty()) member("\"id\":", rule.id, ",");
    member("\"cidr\":", rule.cidr, ",");
    member("\"action\":", rule.action, ",");
    if (!rule.reason.empty()) member("\"reason\":", rule.reason, ",");
    raw("\"score\":");
    number(rule.score);
    if (!rule.source.empty()) member(",\"source\":", rule.source, "");
    if (rule.created_at_ms != 0) member(",\"created_at\":", base::iso_time(rule.created_at_ms), "");
    if (rule.expires_at_ms != 0) member(",\"expires_at\":", base::iso_time(rule.expires_at_ms), "");
    if (rule.revision != 0) {
      raw(",\"revision\":");
      whole(rule.revision);
    }
    raw("}");
  }
  std::string take() { return std::move(out_); }

 private:
  void member(std::string_view before, const std::string& value, std::string_view after) {
    raw(before);
    text(value);
    raw(after);
  }

  std::string out_;
  double number_ = 0;
  std::string number_text_;
};

// ---- Reading -------------------------------------------------------------------------------

// Each step is false when the text goes on with something else.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool take(std::string_view literal) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }
  bool text(std::string& out, std::size_t chars_min, std::size_t chars_max) {
    if (!take("\"")) return false;
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_plain);
    if (end == rest_.end() || *end != '"') return false;
    const auto chars = static_cast<std::size_t>(end - rest_.begin());
    if (chars < chars_min || chars > chars_max) return false;
    out.assign(rest_.data(), chars);
    rest_.remove_prefix(chars + 1);
    return true;
  }
  bool id(std::string& out, std::size_t chars_min) {
    return text(out, chars_min, kNameCharsMax) &&
           std::all_of(out.begin(), out.end(), is_id_character);
  }
  bool time(std::int64_t& out_ms) {
    if (!text(scratch_, 0, kTextCharsMax)) return false;
    const auto parsed = base::parse_iso_time_ms(scratch_);
    if (!parsed.ok()) return false;
    out_ms = *parsed;
    return true;
  }
  bool whole(std::uint64_t& out) {
    const std::size_t digits = digits_ahead();
    if (digits == 0 || digits > kWholeDigitsMax || (digits > 1 && rest_.front() == '0')) {
      return false;
    }
    std::from_chars(rest_.data(), rest_.data() + digits, out);
    rest_.remove_prefix(digits);
    return is_after_number();
  }
  // 0 to 1.
  bool share(double& out) {
    if (rest_.empty() || (rest_.front() != '0' && rest_.front() != '1')) return false;
    const char* end = rest_.data() + rest_.size();
    const auto [at, failure] = std::from_chars(rest_.data(), end, out, std::chars_format::fixed);
    const auto chars = static_cast<std::size_t>(at - rest_.data());
    if (failure != std::errc() || out > 1 || (chars > 1 && rest_[1] != '.')) return false;
    if (rest_[chars - 1] == '.') return false;
    rest_.remove_prefix(chars);
    return is_after_number();
  }
  bool rule(base::Rule& out) {
    if (!take("{")) return false;
    if (take("\"id\":") && !(id(out.id, 0) && take(","))) return false;
    if (!take("\"cidr\":") || !text(out.cidr, 1, kCidrCharsMax)) return false;
    if (!take(",\"action\":\"")) return false;
    if (!take("drop\"")) {
      if (!take("allow\"")) return false;
      out.action = "allow";
    }
    if (take(",\"reason\":") && !text(out.reason, 0, base::kCommentCharsMax)) return false;
    if (!take(",\"score\":") || !share(out.score)) return false;
    if (take(",\"source\":") && !text(out.source, 0, kTextCharsMax)) return false;
    if (take(",\"created_at\":") && !time(out.created_at_ms)) return false;
    if (take(",\"expires_at\":") && !time(out.expires_at_ms)) return false;
    if (take(",\"revision\":") && !whole(out.revision)) return false;
    return take("}");
  }
  template <class ReadOne>
  bool list(const ReadOne& read_one) {
    if (!take("[")) return false;
    if (take("]")) return true;
    do {
      if (!read_one()) return false;
    } while (take(","));
    return take("]");
  }
  std::size_t bytes_left() const { return rest_.size(); }

 private:
  std::size_t digits_ahead() const {
    return static_cast<std::size_t>(std::find_if_not(rest_.begin(), rest_.end(), is_digit) -
                                    rest_.begin());
  }
  bool is_after_number() const {
    return !rest_.empty() && (rest_.front() == ',' || rest_.front() == '}');
  }

  std::string_view rest_;
  std::string scratch_;
};

}  // namespace

std::string write_rule_set(const base::RuleSet& set) {
  Writer out(set);
  out.raw("{\"revision\":");
  out.whole(set.revision);
  out.raw(set.full ? ",\"mode\":\"full\",\"rules\":[" : ",\"mode\":\"delta\",\"rules\":[");
  std::string_view before;
  for (const base::Rule& rule : set.rules) {
    out.raw(before);
    out.rule(rule);
    before = ",";
  }
  out.raw("],\"removed\":[");
  before = {};
  for (const std::string& id : set.removed) {
    out.raw(before);
    out.text(id);
    before = ",";
  }
  out.raw("],\"digest\":");
  out.text(set.digest);
  if (!set.next_id.empty()) {
    out.raw(",\"next_id\":");
    out.text(set.next_id);
  }
  out.raw("}");
  return out.take();
}

std::optional<base::RuleSet> read_plain_rule_set(std::string_view text) {
  Reader in(text);
  base::RuleSet set;
  if (!in.take("{\"revision\":") || !in.whole(set.revision)) return std::nullopt;
  if (!in.take(",\"mode\":\"full\"")) {
    if (!in.take(",\"mode\":\"delta\"")) return std::nullopt;
    set.full = false;
  }
  const auto read_rule = [&] {
    base::Rule& rule = set.rules.emplace_back();
    return set.rules.size() <= kPlainRulesMax && in.rule(rule);
  };
  const auto read_removed = [&] {
    return set.removed.size() < kPlainRulesMax &&
           in.text(set.removed.emplace_back(), 1, kNameCharsMax);
  };
  if (!in.take(",\"rules\":")) return std::nullopt;
  set.rules.reserve(std::min(base::kRuleStreamPageRules, in.bytes_left() / kRuleTextBytesMin));
  if (!in.list(read_rule)) return std::nullopt;
  if (!in.take(",\"removed\":") || !in.list(read_removed)) return std::nullopt;
  if (set.full && !set.removed.empty()) return std::nullopt;
  if (!in.take(",\"digest\":") || !in.text(set.digest, 0, kDigestCharsMax)) return std::nullopt;
  if (in.take(",\"next_id\":") && !(set.full && in.id(set.next_id, 0))) return std::nullopt;
  if (!in.take("}") || !in.at_end()) return std::nullopt;
  return set;
}

}  // namespace mlguard::wire
