#include "cli/text_diff.h"

#include <algorithm>
#include <vector>

namespace mlguard::cli {
namespace {

using Lines = std::vector<std::string_view>;

// Lines keep their line break, so that a missing one at the end is a difference.
Lines split_lines(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t length = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

// One line of the edit script: ' ' kept, '-' removed, '+' added.
struct Edit {
  char kind;
  std::string_view line;
};

using Frontier = std::vector<int>;  // Furthest x on diagonal k, at index k + offset.

std::size_t place_of(int diagonal, int offset) {
  const int place = diagonal + offset;
  return static_cast<std::size_t>(place);
}

// Walks back from the end through the remembered frontiers.
std::vector<Edit> backtrack(const Lines& a, const Lines& b, const std::vector<Frontier>& trace) {
  std::vector<Edit> reversed;
  int x = static_cast<int>(a.size());
  int y = static_cast<int>(b.size());
  for (int d = static_cast<int>(trace.size()) - 1; d >= 0; --d) {
    // Frontier d was saved before step d ran: it holds diagonals -(d-1) … d-1 at offset d.
    const Frontier& v = trace[static_cast<std::size_t>(d)];
    const int k = x - y;
    const auto at = [&](int diagonal) { return v[place_of(diagonal, d + 1)]; };
    const bool down = k == -d || (k != d && at(k - 1) < at(k + 1));
    const int from_k = down ? k + 1 : k - 1;
    const int from_x = d == 0 ? 0 : at(from_k);
    const int from_y = d == 0 ? 0 : from_x - from_k;
    while (x > from_x && y > from_y) {
      reversed.push_back({' ', a[static_cast<std::size_t>(--x)]});
      --y;
    }
    if (d == 0) break;
    if (down) {
      reversed.push_back({'+', b[static_cast<std::size_t>(--y)]});
    } else {
      reversed.push_back({'-', a[static_cast<std::size_t>(--x)]});
    }
  }
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

std::vector<Edit> replace_all(const Lines& a, const Lines& b) {
  std::vector<Edit> edits;
  for (const auto line : a) edits.push_back({'-', line});
  for (const auto line : b) edits.push_back({'+', line});
  return edits;
}

std::vector<Edit> shortest_edits(const Lines& a, const Lines& b) {
  const int n = static_cast<int>(a.size());
  const int m = static_cast<int>(b.size());
  const int limit = std::min(n + m, static_cast<int>(kDiffEditsMax));
  const int offset = limit + 1;
  Frontier v(static_cast<std::size_t>(2 * limit + 3), 0);
  std::vector<Frontier> trace;
  for (int d = 0; d <= limit; ++d) {
    // Only the diagonals that step d reads are remembered: -(d+1) … d+1.
    trace.emplace_back(v.begin() + (offset - d - 1), v.begin() + (offset + d + 2));
    for (int k = -d; k <= d; k += 2) {
      const auto at = [&](int diagonal) -> int& { return v[place_of(diagonal, offset)]; };
      int x = (k == -d || (k != d && at(k - 1) < at(k + 1))) ? at(k + 1) : at(k - 1) + 1;
      int y = x - k;
      while (x < n && y < m && a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(y)]) {
        ++x;
        ++y;
      }
      at(k) = x;
      if (x >= n && y >= m) return backtrack(a, b, trace);
    }
  }
  return replace_all(a, b);
}

std::vector<Edit> edit_script(const Lines& a, const Lines& b) {
  std::size_t prefix = 0;
  while (prefix < a.size() && prefix < b.size() && a[prefix] == b[prefix]) ++prefix;
  std::size_t suffix = 0;
  while (suffix < a.size() - prefix && suffix < b.size() - prefix &&
         a[a.size() - 1 - suffix] == b[b.size() - 1 - suffix]) {
    ++suffix;
  }
  const auto middle = [&](const Lines& lines) {
    return Lines(lines.begin() + static_cast<std::ptrdiff_t>(prefix),
                 lines.end() - static_cast<std::ptrdiff_t>(suffix));
  };
  std::vector<Edit> edits;
  for (std::size_t i = 0; i < prefix; ++i) edits.push_back({' ', a[i]});
  for (const Edit& edit : shortest_edits(middle(a), middle(b))) edits.push_back(edit);
  for (std::size_t i = a.size() - suffix; i < a.size(); ++i) edits.push_back({' ', a[i]});
  return edits;
}

void append_line(std::string& out, const Edit& edit) {
  out += edit.kind;
  out += edit.line;
  if (!edit.line.ends_with('\n')) out += "\n\\ No newline at end of file\n";
}

// "12,5": first line (1-based) and count, as `diff -u` writes a range.
std::string range(std::size_t lines_before, std::size_t count) {
  const std::size_t first = count == 0 ? lines_before : lines_before + 1;
  std::string text = std::to_string(first);
  if (count != 1) text += "," + std::to_string(count);
  return text;
}

struct Counts {
  std::size_t before = 0;
  std::size_t after = 0;

  void add(const Edit& edit) {
    if (edit.kind != '+') ++before;
    if (edit.kind != '-') ++after;
  }
};

// The end of the hunk that starts at `first`: changes nearer than two contexts share a hunk.
std::size_t hunk_end(const std::vector<Edit>& edits, std::size_t first_change) {
  std::size_t last_change = first_change;
  for (std::size_t i = first_change; i < edits.size(); ++i) {
    if (edits[i].kind != ' ') last_change = i;
    if (i - last_change > 2 * kDiffContextLines) break;
  }
  return std::min(edits.size(), last_change + kDiffContextLines + 1);
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after,
                         std::string_view before_name, std::string_view after_name) {
  if (before == after) return {};
  const std::vector<Edit> edits = edit_script(split_lines(before), split_lines(after));
  std::string out = "--- " + std::string(before_name) + "\n+++ " + std::string(after_name) + "\n";
  Counts passed;
  std::size_t done = 0;
  for (std::size_t i = 0; i < edits.size(); ++i) {
    if (edits[i].kind == ' ') continue;
    const std::size_t context = std::min(kDiffContextLines, i - done);
    const std::size_t first = i - context;
    const std::size_t end = hunk_end(edits, i);
    for (; done < first; ++done) passed.add(edits[done]);
    Counts hunk;
    std::string body;
    for (; done < end; ++done) {
      hunk.add(edits[done]);
      append_line(body, edits[done]);
    }
    out += "@@ -" + range(passed.before, hunk.before) + " +" + range(passed.after, hunk.after) +
           " @@\n" + body;
    passed.before += hunk.before;
    passed.after += hunk.after;
    i = end - 1;
  }
  return out;
}

}  // namespace mlguard::cli
