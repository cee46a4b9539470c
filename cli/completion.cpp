#include "cli/completion.h"

#include <CLI/CLI.hpp>

#include "cli/exit_code.h"
#include "cli/help.h"

namespace mlguard::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : visible_options(app)) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    if (option->get_lnames().empty()) {
      for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
    }
  }
  return flags;
}

// What may stand as the first argument: subcommands, or fixed words.
std::vector<std::string> words_of(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* sub : visible_subcommands(app)) words.push_back(sub->get_name());
  const std::string path = command_path(app);
  if (path == "completion") words = {"bash", "zsh", "fish"};
  if (path == "bench") words = {"put", "get", "heartbeat", "watch"};
  if (path == "api") words = {"GET", "PUT", "POST", "DELETE"};
  return words;
}

std::string first_argument(const CLI::App& app) {
  const auto arguments = positionals(app);
  return arguments.empty() ? "" : arguments.front()->get_name(/*positional=*/true);
}

// Flags whose value is one of "a|b|c".
std::vector<std::pair<std::string, std::string>> choices_of(const CLI::App& app) {
  std::vector<std::pair<std::string, std::string>> choices;
  for (const CLI::Option* option : visible_options(app)) {
    std::string type = option->get_type_name();
    // Only lower-case words are values; the others name what is wanted.
    const bool is_list = type.find('|') != std::string::npos &&
                         type.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ@") == std::string::npos;
    if (!is_list) continue;
    std::replace(type.begin(), type.end(), '|', ' ');
    for (const std::string& name : option->get_lnames()) choices.emplace_back("--" + name, type);
    for (const std::string& name : option->get_snames()) choices.emplace_back("-" + name, type);
  }
  return choices;
}

// Every command and subcommand, the root first.
std::vector<const CLI::App*> all_apps(const CLI::App& root) {
  std::vector<const CLI::App*> apps = {&root};
  for (const CLI::App* app : visible_subcommands(root)) {
    apps.push_back(app);
    for (const CLI::App* sub : visible_subcommands(*app)) apps.push_back(sub);
  }
  return apps;
}

// A shell function body for bash and zsh (with bashcompinit): one case per command path.
std::string bash_cases(const CLI::App& root) {
  std::string out;
  for (const CLI::App* app : all_apps(root)) {
    out += "    \"" + command_path(*app) + "\")\n";
    out += "      flags=\"" + joined(flags_of(*app)) + "\"\n";
    const std::string words = joined(words_of(*app));
    if (!words.empty()) out += "      words=\"" + words + "\"\n";
    const std::string argument = first_argument(*app);
    if (argument == "COMPONENT") out += "      words=\"$(__ml_guard_components)\"\n";
    if (argument == "FILE") out += "      files=1\n";
    out += "      ;;\n";
  }
  return out;
}

std::string bash_choices(const CLI::App& root) {
  std::string out;
  std::vector<std::string> seen;
  for (const CLI::App* app : all_apps(root)) {
    for (const auto& [flag, values] : choices_of(*app)) {
      if (std::find(seen.begin(), seen.end(), flag) != seen.end()) continue;
      seen.push_back(flag);
      out +=
          "    " + flag + ") COMPREPLY=($(compgen -W \"" + values + "\" -- \"$cur\")); return ;;\n";
    }
  }
  out += "    --credentials|--output-file) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n";
  return out;
}

std::string bash_script(const CLI::App& root) {
  return "# ml-guard completion for bash. Load it:  source <(ml-guard completion bash)\n"
         "__ml_guard_components() {\n"
         "  { ml-guard components -o raw --timeout 1s; ml-guard config list -o raw --timeout 1s; } "
         "2>/dev/null |\n"
         "    cut -f1 | sort -u\n"
         "}\n"
         "_ml_guard() {\n"
         "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
         "  local path=\"\" count=0 flags=\"\" words=\"\" files=\"\" i word\n"
         "  local global=\"" +
         joined(flags_of(root)) +
         "\"\n"
         "  COMPREPLY=()\n"
         "  case \"$prev\" in\n" +
         bash_choices(root) +
         "  esac\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=\"${COMP_WORDS[i]}\"\n"
         "    [[ \"$word\" == -* ]] && continue\n"
         "    if ((count == 0)); then path=\"$word\"; count=1; continue; fi\n"
         "    case \" $(__ml_guard_subcommands \"$path\") \" in\n"
         "      *\" $word \"*) path=\"$path $word\" ;;\n"
         "    esac\n"
         "    count=$((count + 1))\n"
         "  done\n"
         "  case \"$path\" in\n" +
         bash_cases(root) +
         "  esac\n"
         "  if [[ \"$cur\" == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags $global --help\" -- \"$cur\"))\n"
         "    return\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "  # After its first argument, a command may want files (config put NAME FILE).\n"
         "  if [[ -n \"$files\" || ${#COMPREPLY[@]} -eq 0 ]]; then\n"
         "    COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
         "  fi\n"
         "}\n";
}

std::string bash_subcommands(const CLI::App& root) {
  std::string out = "__ml_guard_subcommands() {\n  case \"$1\" in\n";
  for (const CLI::App* app : visible_subcommands(root)) {
    std::vector<std::string> names;
    for (const CLI::App* sub : visible_subcommands(*app)) names.push_back(sub->get_name());
    if (!names.empty()) out += "    " + app->get_name() + ") echo \"" + joined(names) + "\" ;;\n";
  }
  return out + "  esac\n}\n";
}

// fish: single quotes, in which only \ and ' mean something.
std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\\' || c == '\'') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_options(const CLI::App& app, const std::string& condition) {
  std::string out;
  for (const CLI::Option* option : visible_options(app)) {
    out += "complete -c ml-guard" + condition;
    for (const std::string& name : option->get_snames()) out += " -s " + name;
    for (const std::string& name : option->get_lnames()) out += " -l " + name;
    std::string type = option->get_type_name();
    if (option->get_items_expected_min() > 0) out += " -r";
    const auto choices = choices_of(app);
    for (const auto& [flag, values] : choices) {
      const bool is_this =
          !option->get_lnames().empty() && flag == "--" + option->get_lnames().front();
      if (is_this) out += " -f -a " + fish_quoted(values);
    }
    out += " -d " + fish_quoted(option->get_description()) + "\n";
  }
  return out;
}

std::string fish_words(const CLI::App& app, const std::string& condition) {
  std::string out;
  const auto subcommands = visible_subcommands(app);
  for (const CLI::App* sub : subcommands) {
    out += "complete -c ml-guard" + condition + " -f -a " + sub->get_name() + " -d " +
           fish_quoted(sub->get_description()) + "\n";
  }
  if (subcommands.empty() && !words_of(app).empty()) {
    out +=
        "complete -c ml-guard" + condition + " -f -a " + fish_quoted(joined(words_of(app))) + "\n";
  }
  if (first_argument(app) == "COMPONENT") {
    out += "complete -c ml-guard" + condition + " -a '(__ml_guard_components)'\n";
  }
  return out;
}

std::string fish_script(const CLI::App& root) {
  std::string out =
      "# ml-guard completion for fish. Load it:  ml-guard completion fish | source\n"
      "function __ml_guard_components\n"
      "    begin\n"
      "        ml-guard components -o raw --timeout 1s\n"
      "        ml-guard config list -o raw --timeout 1s\n"
      "    end 2>/dev/null | cut -f1 | sort -u\n"
      "end\n";
  out += fish_options(root, "");
  out += fish_words(root, " -n __fish_use_subcommand");
  for (const CLI::App* app : visible_subcommands(root)) {
    const std::string seen = "__fish_seen_subcommand_from " + app->get_name();
    std::vector<std::string> names;
    for (const CLI::App* sub : visible_subcommands(*app)) names.push_back(sub->get_name());
    if (names.empty()) {
      out += fish_options(*app, " -n " + fish_quoted(seen));
      out += fish_words(*app, " -n " + fish_quoted(seen));
      continue;
    }
    out += fish_words(*app, " -n " + fish_quoted(seen + "; and not __fish_seen_subcommand_from " +
                                                 joined(names)));
    for (const CLI::App* sub : visible_subcommands(*app)) {
      const std::string condition =
          " -n " + fish_quoted(seen + "; and __fish_seen_subcommand_from " + sub->get_name());
      out += fish_options(*sub, condition) + fish_words(*sub, condition);
    }
  }
  return out;
}

}  // namespace

base::Result<std::string> completion_script(const CLI::App& root, const std::string& shell) {
  const std::string functions = bash_subcommands(root) + bash_script(root);
  if (shell == "bash") {
    return functions + "complete -o filenames -F _ml_guard ml-guard\n";
  }
  if (shell == "zsh") {
    return "#compdef ml-guard\n"
           "# ml-guard completion for zsh. Load it:  source <(ml-guard completion zsh)\n"
           "autoload -Uz compinit bashcompinit\n"
           "(( ${+functions[compdef]} )) || compinit\n"
           "bashcompinit\n" +
           functions + "complete -o filenames -F _ml_guard ml-guard\n";
  }
  if (shell == "fish") return fish_script(root);
  return usage_error("the shell '" + shell + "' is not one of bash, zsh, fish");
}

}  // namespace mlguard::cli
