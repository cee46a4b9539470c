#include "rag/fact_scan.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include "base/time_format.h"
#include "rag/network_key.h"

namespace mlguard::rag {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool joins(char c) {
  constexpr std::string_view kJoining = ".:/_-@+%";
  return is_alnum(c) || kJoining.find(c) != std::string_view::npos;
}

// Words that have a digit and are no figure.
bool is_ordinary(std::string_view word) {
  constexpr std::array<std::string_view, 8> kOrdinary = {"IPv4",    "IPv6",   "ipv4", "ipv6",
                                                         "SHA-256", "sha256", "L2",   "UTF-8"};
  return std::find(kOrdinary.begin(), kOrdinary.end(), word) != kOrdinary.end();
}

std::optional<double> decimal(std::string_view text) {
  if (text.ends_with("%")) text.remove_suffix(1);
  if (text.empty() || !(is_digit(text.front()) || text.front() == '-' || text.front() == '+')) {
    return std::nullopt;
  }
  if (text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

bool has_shape(std::string_view text, std::string_view shape) {
  if (text.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 'd' ? !is_digit(text[i]) : text[i] != shape[i]) return false;
  }
  return true;
}

bool is_clock(std::string_view text) {
  return has_shape(text, "dd:dd") || has_shape(text, "dd:dd:dd") || has_shape(text, "d:dd");
}

// Minutes east of UTC of "UTC", "UTC+1", "UTC-3:30".
std::optional<int> zone_minutes(std::string_view text) {
  constexpr std::string_view kUtc = "UTC";
  constexpr int kHourMin = 60;
  if (!text.starts_with(kUtc)) return std::nullopt;
  text.remove_prefix(kUtc.size());
  if (text.empty()) return 0;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  const char* end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, hours);
  if (parsed.ec != std::errc()) return std::nullopt;
  if (parsed.ptr != end && *parsed.ptr == ':') {
    parsed = std::from_chars(parsed.ptr + 1, end, minutes);
  }
  return parsed.ptr == end ? std::optional(sign * (hours * kHourMin + minutes)) : std::nullopt;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<ScannedFact> all() {
    while (at_ < text_.size()) {
      if (!joins(text_[at_])) {
        ++at_;
        continue;
      }
      const std::size_t end = chunk_end(at_);
      const std::string_view chunk = trimmed(text_.substr(at_, end - at_));
      const std::size_t next = end;
      if (std::any_of(chunk.begin(), chunk.end(), is_digit) || chunk == "::") read(chunk, next);
      if (at_ < next) at_ = next;
    }
    return std::move(facts_);
  }

 private:
  std::size_t chunk_end(std::size_t begin) const {
    while (begin < text_.size() && joins(text_[begin])) ++begin;
    return begin;
  }
  static std::string_view trimmed(std::string_view chunk) {
    constexpr std::string_view kEnds = ".:/_-@+";
    const bool zero = chunk.ends_with("::");
    while (!chunk.empty() && !zero && kEnds.find(chunk.back()) != std::string_view::npos) {
      chunk.remove_suffix(1);
    }
    while (!chunk.empty() && !chunk.starts_with("::") &&
           kEnds.find(chunk.front()) != std::string_view::npos &&
           !((chunk.front() == '-' || chunk.front() == '+') && chunk.size() > 1 &&
             is_digit(chunk[1]))) {
      chunk.remove_prefix(1);
    }
    return chunk;
  }
  // The chunk after one blank.
  std::string_view following(std::size_t end) const {
    if (end >= text_.size() || text_[end] != ' ') return {};
    return text_.substr(end + 1, chunk_end(end + 1) - end - 1);
  }

  void read(std::string_view chunk, std::size_t end) {
    if (is_ordinary(chunk) || zone_minutes(chunk)) return;
    if (read_date(chunk, end) || read_iso(chunk) || read_address(chunk)) return;
    ScannedFact fact;
    fact.text = std::string(chunk);
    if (is_clock(chunk)) {
      fact.kind = FactKind::clock;
    } else if (const auto value = decimal(chunk)) {
      if (read_age(chunk, end)) return;
      fact.number = *value;
    } else {
      return read_mixed(chunk);
    }
    facts_.push_back(std::move(fact));
  }

  // "key=3", "1/2" and "a:5" are their parts; a word with a digit is an id.
  void read_mixed(std::string_view chunk) {
    ScannedFact fact;
    fact.kind = FactKind::id;
    fact.text = std::string(chunk);
    facts_.push_back(std::move(fact));
  }

  // "2026-11-25 14:03 UTC+1"; the date alone is midnight of nothing: its figures are an id.
  bool read_date(std::string_view chunk, std::size_t end) {
    if (!has_shape(chunk, "dddd-dd-dd")) return false;
    const std::string_view clock = trimmed(following(end));
    ScannedFact fact;
    if (!is_clock(clock)) {
      fact.kind = FactKind::id;
      fact.text = std::string(chunk);
      facts_.push_back(std::move(fact));
      return true;
    }
    const std::size_t clock_end = end + 1 + clock.size();
    const std::string_view zone = trimmed(following(clock_end));
    const auto minutes = zone_minutes(zone);
    const bool seconds = has_shape(clock, "dd:dd:dd");
    const auto utc = base::parse_iso_time_ms(std::string(chunk) + "T" + std::string(clock) +
                                             (seconds ? "Z" : ":00Z"));
    fact.kind = FactKind::time;
    fact.to_the_second = seconds;
    constexpr std::int64_t kMinuteMs = 60'000;
    if (utc.ok()) fact.time_ms = *utc - minutes.value_or(0) * kMinuteMs;
    const std::size_t stop = minutes ? clock_end + 1 + zone.size() : clock_end;
    const std::size_t begin = static_cast<std::size_t>(chunk.data() - text_.data());
    fact.text = std::string(text_.substr(begin, stop - begin));
    facts_.push_back(std::move(fact));
    at_ = stop;
    return true;
  }

  bool read_iso(std::string_view chunk) {
    const auto time = base::parse_iso_time_ms(chunk);
    if (!time.ok()) return false;
    ScannedFact fact;
    fact.kind = FactKind::time;
    fact.text = std::string(chunk);
    fact.time_ms = *time;
    fact.to_the_second = true;
    facts_.push_back(std::move(fact));
    return true;
  }

  // With a port ("10.0.0.5:443"), the port is a number of its own.
  bool read_address(std::string_view chunk) {
    std::string_view address = chunk;
    std::string_view port;
    if (address.find('.') != std::string_view::npos &&
        std::count(address.begin(), address.end(), ':') == 1) {
      const std::size_t colon = address.find(':');
      port = address.substr(colon + 1);
      address = address.substr(0, colon);
    }
    if (address.find_first_of(".:") == std::string_view::npos) return false;
    const auto key = parse_network_key(address);
    if (!key) return false;
    ScannedFact fact;
    fact.kind = FactKind::address;
    fact.text = std::string(address);
    fact.address = to_text(*key);
    facts_.push_back(std::move(fact));
    if (const auto value = decimal(port)) {
      ScannedFact number;
      number.text = std::string(port);
      number.number = *value;
      facts_.push_back(std::move(number));
    }
    return true;
  }

  // "3 h ago", "in 40 min".
  bool read_age(std::string_view chunk, std::size_t end) {
    const std::string_view unit = trimmed(following(end));
    constexpr std::array<std::string_view, 4> kUnits = {"s", "min", "h", "d"};
    if (std::find(kUnits.begin(), kUnits.end(), unit) == kUnits.end()) return false;
    const std::size_t unit_end = end + 1 + unit.size();
    const std::size_t begin = static_cast<std::size_t>(chunk.data() - text_.data());
    ScannedFact fact;
    fact.kind = FactKind::age;
    constexpr std::string_view kIn = "in ";
    if (trimmed(following(unit_end)) == "ago") {
      fact.text = std::string(text_.substr(begin, unit_end - begin)) + " ago";
      at_ = unit_end + 4;
    } else if (begin >= kIn.size() && text_.substr(begin - kIn.size(), kIn.size()) == kIn &&
               begin > kIn.size() && text_[begin - kIn.size() - 1] == '(') {
      fact.text = std::string(kIn) + std::string(text_.substr(begin, unit_end - begin));
      at_ = unit_end;
    } else {
      return false;
    }
    facts_.push_back(std::move(fact));
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<ScannedFact> facts_;
};

}  // namespace

std::vector<ScannedFact> scan_facts(std::string_view text) { return Scanner(text).all(); }

}  // namespace mlguard::rag
