#include <algorithm>

#include "rag/records_of.h"

namespace mlguard::rag {
namespace {

constexpr std::size_t kSectionBytesMax = 3'000;  // leaves room below kRecordTextBytesMax

constexpr const char* kConfigurationPage = "docs/configuration.md";

struct Section {
  std::string title;
  std::string text;
};

// How many '#' a heading has; 0: the line is none.
std::size_t heading_depth(std::string_view line) {
  const std::size_t depth = std::min(line.find_first_not_of('#'), line.size());
  return depth > 0 && depth <= 6 && depth < line.size() && line[depth] == ' ' ? depth : 0;
}

// As the forges make anchors: lower case, dashes for spaces, no punctuation.
std::string anchor_of(std::string_view title) {
  std::string anchor;
  for (const char c : title) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper) anchor += static_cast<char>(c - 'A' + 'a');
    if (c == ' ') anchor += '-';
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (kept || static_cast<unsigned char>(c) >= 0x80) anchor += c;
  }
  return anchor;
}

std::vector<Section> sections_of(std::string_view content) {
  std::vector<Section> sections(1);
  bool in_code = false;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    if (line.substr(0, 3) == "```") in_code = !in_code;
    const std::size_t depth = in_code ? 0 : heading_depth(line);
    if (depth > 0) {
      sections.push_back({std::string(line.substr(depth + 1)), ""});
    } else {
      sections.back().text += std::string(line) + "\n";
    }
  }
  return sections;
}

// In parts that fit, cut between paragraphs where there are any, else between lines.
std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  while (text.size() > kSectionBytesMax) {
    std::size_t cut = text.rfind("\n\n", kSectionBytesMax);
    if (cut == std::string_view::npos || cut == 0) cut = text.rfind('\n', kSectionBytesMax);
    if (cut == std::string_view::npos || cut == 0) cut = kSectionBytesMax;
    parts.emplace_back(text.substr(0, cut));
    text.remove_prefix(cut);
  }
  parts.emplace_back(text);
  return parts;
}

// "| `thresholds.block` | `0.9` | 0 to 1 | From this score …|": its cells; nothing for other lines.
std::vector<std::string> cells_of(std::string_view row) {
  std::vector<std::string> cells;
  if (row.substr(0, 3) != "| `") return cells;
  row.remove_prefix(1);
  for (std::size_t end = row.find(" |"); end != std::string_view::npos; end = row.find(" |")) {
    const std::size_t from = row.find_first_not_of(' ');
    cells.emplace_back(from < end ? row.substr(from, end - from) : std::string_view());
    row.remove_prefix(end + 2);
  }
  return cells;
}

// A key's row of docs/configuration.md says all about that key, and is what is asked for.
std::vector<Record> key_records(const Section& section, const std::string& page) {
  constexpr std::size_t kColumns = 4;
  std::vector<Record> records;
  std::string_view text = section.text;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::vector<std::string> cells = cells_of(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
    if (cells.size() != kColumns) continue;
    Record record;
    record.table = Table::doc;
    record.path = cells[0].substr(1, cells[0].rfind('`') - 1);
    record.component = section.title;
    record.key = page + "#" + section.title + "." + record.path;
    record.kind = "documentation";
    record.title = section.title + " " + record.path;
    record.text = "Setting " + record.path + " of " + section.title + ": " + cells[3] +
                  " Default: " + cells[1] + ". Values: " + cells[2] + ".";
    records.push_back(std::move(record));
  }
  return records;
}

std::string trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \n\t");
  if (from == std::string_view::npos) return {};
  return std::string(text.substr(from, text.find_last_not_of(" \n\t") - from + 1));
}

}  // namespace

std::vector<Record> doc_records(const base::EmbeddedFile& file, const std::string& folder) {
  std::vector<Record> records;
  std::string page = file.name;
  for (const Section& section : sections_of(file.content)) {
    const bool first = records.empty();
    if (first && !section.title.empty()) page = section.title;
    if (folder + file.name == kConfigurationPage) {
      for (Record& record : key_records(section, kConfigurationPage)) {
        records.push_back(std::move(record));
      }
    }
    std::size_t number = 0;
    for (const std::string& part : parts_of(section.text)) {
      const std::string text = trimmed(part);
      if (text.empty()) continue;
      Record record;
      record.table = Table::doc;
      record.path = folder + file.name;
      record.key = record.path + "#" + anchor_of(section.title);
      ++number;
      if (number > 1) record.key += "-part-" + std::to_string(number);
      record.title = section.title == page ? page : page + ": " + section.title;
      record.text = text;
      record.kind = "documentation";
      records.push_back(std::move(record));
    }
  }
  return records;
}

}  // namespace mlguard::rag
