// `completion`: scripts for shells, made from the command line's own definition, so they cannot fall behind it.
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "profctl/commands/completion.h"
#include "profctl/exit_code.h"

namespace profd::profctl {
namespace {

struct Verb {
  std::string name;
  std::string help;
  std::vector<std::string> flags;
};

std::vector<std::string> FlagsOf(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
  }
  std::ranges::sort(flags);
  return flags;
}

std::vector<Verb> VerbsOf(const CLI::App& app) {
  std::vector<Verb> verbs;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    verbs.push_back({verb->get_name(), verb->get_description(), FlagsOf(*verb)});
  }
  return verbs;
}

std::vector<std::string> Names(const std::vector<Verb>& verbs) {
  std::vector<std::string> names;
  names.reserve(verbs.size());
  for (const Verb& verb : verbs) names.push_back(verb.name);
  return names;
}

std::string Bash(const CLI::App& app) {
  const std::vector<Verb> verbs = VerbsOf(app);
  std::string cases;
  for (const Verb& verb : verbs)
    cases += fmt::format("    {}) words=\"{}\" ;;\n", verb.name, fmt::join(verb.flags, " "));
  return fmt::format(R"(_profctl() {{
  local word verb= words
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in {}) verb=$word; break ;; esac
  done
  case "${{COMP_WORDS[COMP_CWORD-1]}}" in
    -o|--output) words="table wide json" ;;
    --color) words="auto always never" ;;
    --format) words="pprof folded svg speedscope" ;;
    completion) words="bash zsh fish" ;;
    -f|--file) COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}")); return ;;
    *) case "$verb" in
    "") words="{} {}" ;;
{}    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -F _profctl profctl
)",
                     fmt::join(Names(verbs), "|"), fmt::join(Names(verbs), " "), fmt::join(FlagsOf(app), " "), cases);
}

std::string Zsh(const CLI::App& app) {
  std::string described, cases;
  for (const Verb& verb : VerbsOf(app)) {
    described += fmt::format("    '{}:{}'\n", verb.name, verb.help);
    cases += fmt::format("    {}) compadd -- {}{} ;;\n", verb.name, fmt::join(verb.flags, " "),
                         verb.name == "completion" ? " bash zsh fish" : "");
  }
  return fmt::format(R"(#compdef profctl
_profctl() {{
  local -a verbs=(
{}  )
  local word verb=
  for word in ${{words[2,CURRENT-1]}}; do
    if (( ${{verbs[(I)$word:*]}} )); then verb=$word; break; fi
  done
  case $words[CURRENT-1] in
    -o|--output) compadd table wide json; return ;;
    --color) compadd auto always never; return ;;
    --format) compadd pprof folded svg speedscope; return ;;
    -f|--file) _files; return ;;
  esac
  case $verb in
    "") _describe verb verbs; compadd -- {} ;;
{}  esac
}}
if [ "$funcstack[1]" = _profctl ]; then _profctl "$@"; else compdef _profctl profctl; fi
)",
                     described, fmt::join(FlagsOf(app), " "), cases);
}

std::string FishFlags(const std::string& condition, const std::vector<std::string>& flags) {
  std::string lines;
  for (const std::string& flag : flags) {
    lines += fmt::format("complete -c profctl -n '{}' {} {}\n", condition, flag.starts_with("--") ? "-l" : "-s",
                         flag.substr(flag.find_first_not_of('-')));
  }
  return lines;
}

std::string Fish(const CLI::App& app) {
  std::string script = "complete -c profctl -f\n";
  for (const Verb& verb : VerbsOf(app)) {
    script += fmt::format("complete -c profctl -n __fish_use_subcommand -a {} -d '{}'\n", verb.name, verb.help);
    script += FishFlags("__fish_seen_subcommand_from " + verb.name, verb.flags);
  }
  script += "complete -c profctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n";
  script += "complete -c profctl -n '__fish_seen_subcommand_from record' -l format -xa 'pprof folded svg speedscope'\n";
  script += "complete -c profctl -n '__fish_seen_subcommand_from record' -s f -l file -rF\n";
  return script + FishFlags("__fish_use_subcommand", FlagsOf(app));
}

}  // namespace

int RunCompletion(const CLI::App& app, const std::string& shell) {
  fmt::print("{}", shell == "bash" ? Bash(app) : shell == "zsh" ? Zsh(app) : Fish(app));
  return kExitOk;
}

}  // namespace profd::profctl
