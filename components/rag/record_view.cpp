#include "rag/record_view.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "rag/network_key.h"

namespace mlguard::rag {
namespace {

std::string line_of(const std::string& text, std::string_view name) {
  const std::string wanted = std::string(name) + ": ";
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    if (line.starts_with(wanted)) return std::string(line.substr(wanted.size()));
    begin = end + 1;
  }
  return {};
}

std::string between(const std::string& text, std::string_view begin, std::string_view end) {
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return {};
  const std::size_t from = at + begin.size();
  const std::size_t to = text.find(end, from);
  return to == std::string::npos ? text.substr(from) : text.substr(from, to - from);
}

}  // namespace

std::string comment_of(const Record& version) { return between(version.text, " Comment: ", "\n"); }

std::string audit_detail(const Record& audit) { return between(audit.text, "\n", "\n"); }

std::string component_version(const Record& component) {
  const std::string rest = between(component.text, ", version ", ". It registered");
  return rest.substr(0, rest.find(", at "));
}

std::string component_address(const Record& component) {
  return between(component.text, ", at ", ". It registered");
}

std::string told(const Record& record, std::string_view name) {
  const auto detail = nlohmann::json::parse(record.detail, nullptr, false);
  if (detail.is_object()) {
    const auto found = detail.find(name);
    if (found != detail.end() && found->is_string()) return found->get<std::string>();
  }
  return line_of(record.text, name);
}

std::string detail_json_at(const Record& record, std::string_view name) {
  const auto detail = nlohmann::json::parse(record.detail, nullptr, false);
  if (!detail.is_object()) return {};
  const auto found = detail.find(name);
  if (found == detail.end() || found->is_null()) return {};
  return found->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

base::Result<std::optional<Record>> newest(const Index& index, Filter filter) {
  filter.limit = 1;
  auto found = index.find(filter);
  if (!found.ok()) return found.error();
  if (found->empty()) return std::optional<Record>();
  return std::optional<Record>(std::move(found->front()));
}

bool is_live(const Record& rule, std::int64_t now_ms) {
  return rule.ends_at_ms == 0 || rule.ends_at_ms > now_ms;
}

std::string verdict_of(const Record& rule) {
  return rule.value == "allow" ? "always allowed" : "blocked";
}

std::string short_network(const std::string& network) {
  for (const std::string_view length : {"/32", "/128"}) {
    const bool is_v6 = network.find(':') != std::string::npos;
    if (network.ends_with(length) && is_v6 == (length == "/128")) {
      return network.substr(0, network.size() - length.size());
    }
  }
  return network;
}

std::string plural(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string figure_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

void put_time(const Slots& slots, Filter& filter) {
  if (!slots.time) return;
  filter.from_ms = slots.time->from_ms;
  filter.until_ms = slots.time->until_ms;
}

std::string said_time(const Slots& slots) {
  return slots.time && !slots.time->said.empty() ? " " + slots.time->said : std::string();
}

void say_none(Draft& draft, const std::string& key, const std::string& sentence) {
  draft.say(sentence, {draft.cite_count(key, sentence)});
}

}  // namespace mlguard::rag
