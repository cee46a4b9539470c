#include "tidy/checks.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "tidy/source_text.h"

namespace mlguard::tidy {
namespace {

using Folders = std::set<std::string>;

// design.md, section 2. A folder may always include itself.
const std::map<std::string, Folders>& allowed_folders() {
  static const Folders below_agent = {"etcd_client", "wire", "base"};
  static const Folders component = {"agent", "pipeline",    "capture", "flow", "xdp",
                                    "bpf",   "etcd_client", "wire",    "base"};
  static const std::map<std::string, Folders> table = {
      {"base", {}},
      {"wire", {"base"}},
      {"etcd_client", {"wire", "base"}},
      {"agent", below_agent},
      {"flow", {"base", "bpf"}},
      {"capture", {"flow", "bpf", "base"}},
      {"xdp", {"base", "bpf"}},
      {"pipeline", {"flow", "bpf", "wire", "base"}},
      {"sniffer", component},
      {"ml_detector", component},
      {"firewall", component},
      {"rag", component},
      {"bpf", {}},
      {"db", {"base"}},
      {"replicator", {"db", "wire", "base"}},
      {"server", {"replicator", "db", "wire", "base"}},
      {"cli", {"etcd_client", "wire", "base"}},
      {"data", {}},
  };
  return table;
}

bool starts_with(std::string_view text, std::string_view what) { return text.rfind(what, 0) == 0; }
bool ends_with(std::string_view text, std::string_view what) {
  return text.size() >= what.size() && text.substr(text.size() - what.size()) == what;
}

// "components/wire/channel.h" → "wire", "db/store.h" → "db".
std::string folder_of(const std::string& path) {
  const std::string below =
      starts_with(path, "components/") ? path.substr(sizeof("components/") - 1) : path;
  return below.substr(0, below.find('/'));
}

// The file of ours that an include means, or nothing.
std::string resolve(const std::string& from, const std::string& path, const Tree& tree) {
  const std::filesystem::path beside = std::filesystem::path(from).parent_path() / path;
  for (const std::string& candidate :
       {beside.lexically_normal().string(), path, "components/" + path,
        "components/etcd_client/include/" + path, "tests/" + path}) {
    if (tree.count(candidate) != 0) return candidate;
  }
  return {};
}

bool is_generated(const std::string& path) {
  return ends_with(path, ".skel.h") || path == "vmlinux.h" || ends_with(path, ".pb.h");
}

// Standard and operating-system headers; anything else in angle brackets is somebody's library.
bool is_system_header(const std::string& path) {
  static const std::set<std::string> known = {
      "assert.h",  "ctype.h",  "dirent.h",  "dlfcn.h",   "endian.h",  "errno.h",    "fcntl.h",
      "fnmatch.h", "getopt.h", "glob.h",    "grp.h",     "ifaddrs.h", "inttypes.h", "limits.h",
      "locale.h",  "math.h",   "netdb.h",   "poll.h",    "pthread.h", "pwd.h",      "sched.h",
      "signal.h",  "spawn.h",  "stdarg.h",  "stdbool.h", "stddef.h",  "stdint.h",   "stdio.h",
      "stdlib.h",  "string.h", "strings.h", "syslog.h",  "termios.h", "time.h",     "unistd.h"};
  for (const std::string_view folder : {"sys/", "linux/", "netinet/", "arpa/", "net/", "bits/"}) {
    if (starts_with(path, folder)) return true;
  }
  const bool standard = path.find('.') == std::string::npos && path.find('/') == std::string::npos;
  return standard || known.count(path) != 0;
}

// What headers of tests may stand on: nobody builds against them.
bool is_test_tool(const std::string& path) {
  return starts_with(path, "gtest/") || starts_with(path, "gmock/") || path == "nlohmann/json.hpp";
}

// Columns as an editor shows them: one for each UTF-8 character.
std::size_t columns(std::string_view line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
  }));
}

}  // namespace

bool is_header(const std::string& path) { return ends_with(path, ".h") || ends_with(path, ".hpp"); }
bool is_source(const std::string& path) {
  return is_header(path) || ends_with(path, ".c") || ends_with(path, ".cpp");
}

Violations check_dependencies(const std::string& path, std::string_view text, const Tree& tree) {
  Violations found;
  const std::string own = folder_of(path);
  const bool is_test = own == "tests";
  const auto row = allowed_folders().find(own);
  if (!is_test && row == allowed_folders().end()) {
    return {{path, 0, "the folder " + own + " is not in the dependency table"}};
  }
  for (const Include& include : includes(text)) {
    const std::string target = resolve(path, include.path, tree);
    if (target.empty()) {
      // Tests may include anything, also over include folders of their own.
      if (include.quoted && !is_test && !is_generated(include.path)) {
        found.push_back({path, include.line, "\"" + include.path + "\" is no file of ours"});
      }
      continue;
    }
    const std::string other = folder_of(target);
    if (is_test || other == own || row->second.count(other) != 0) continue;
    found.push_back({path, include.line, own + " may not include " + other + " (" + target + ")"});
  }
  return found;
}

Violations check_sizes(const std::string& path, std::string_view text) {
  Violations found;
  const std::vector<std::string_view> lines = split_lines(text);
  if (lines.size() > kFileLinesMax) {
    found.push_back({path, 0, std::to_string(lines.size()) + " lines in one file"});
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (columns(lines[i]) > kLineColumnsMax) {
      found.push_back({path, i + 1, std::to_string(columns(lines[i])) + " columns"});
    }
  }
  for (const Function& function : functions(text)) {
    if (function.lines() <= kFunctionLinesMax) continue;
    found.push_back(
        {path, function.first_line,
         std::to_string(function.lines()) + " lines in one function: " + function.head});
  }
  return found;
}

Violations check_header(const std::string& path, std::string_view text) {
  if (!is_header(path)) return {};
  Violations found;
  if (!starts_with(text, "//") && !starts_with(text, "/*")) {
    found.push_back({path, 1, "a header opens with a comment: what it is for, threads, owners"});
  }
  const std::string code(text);
  if (code.find("#pragma once") == std::string::npos && code.find("#ifndef") == std::string::npos) {
    found.push_back({path, 0, "no #pragma once"});
  }
  const bool is_test = folder_of(path) == "tests";
  for (const Include& include : includes(text)) {
    if (include.quoted || is_system_header(include.path)) continue;
    if (is_test && is_test_tool(include.path)) continue;
    found.push_back({path, include.line, "third-party header <" + include.path + "> in a header"});
  }
  return found;
}

Violations check_text(const std::string& path, std::string_view text) {
  Violations found;
  // Put together here, so that this file does not hold what it forbids.
  const std::vector<std::string> marks = {std::string("TO") + "DO", std::string("FIX") + "ME",
                                          std::string("XX") + "X:"};
  std::size_t number = 0;
  for (const std::string_view line : split_lines(text)) {
    ++number;
    if (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) {
      found.push_back({path, number, "white space at the end of the line"});
    }
    for (const std::string& mark : marks) {
      if (line.find(mark) != std::string_view::npos) {
        found.push_back({path, number, "unfinished work: " + mark});
      }
    }
  }
  if (!text.empty() && text.back() != '\n') found.push_back({path, number, "no last line break"});
  return found;
}

Violations check_tests(const std::string& path, std::string_view text) {
  if (folder_of(path) != "tests") return {};
  Violations found;
  const std::string code = code_only(text);
  std::size_t number = 0;
  for (const std::string_view line : split_lines(code)) {
    ++number;
    if (line.find("DISABLED_") != std::string_view::npos) {
      found.push_back({path, number, "a disabled test"});
    }
    const std::size_t skip = line.find("GTEST_SKIP()");
    if (skip != std::string_view::npos && line.find("<<", skip) == std::string_view::npos) {
      found.push_back({path, number, "GTEST_SKIP without saying why"});
    }
  }
  return found;
}

Violations check_file(const std::string& path, std::string_view text, const Tree& tree) {
  Violations all = check_text(path, text);
  if (!is_source(path)) return all;
  for (const Violations& more : {check_dependencies(path, text, tree), check_sizes(path, text),
                                 check_header(path, text), check_tests(path, text)}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace mlguard::tidy
