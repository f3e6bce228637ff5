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
  std::string name;  ///< `top`, `recursion list`
  std::string help;
  std::vector<std::string> flags;
  std::vector<std::string> verbs;  ///< that it has itself
};

std::vector<const CLI::App*> SubcommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> NamesOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : SubcommandsOf(app)) names.push_back(verb->get_name());
  return names;
}

std::vector<std::string> FlagsOf(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
  }
  std::ranges::sort(flags);
  return flags;
}

/// Each verb, followed by its own.
std::vector<Verb> VerbsOf(const CLI::App& app, const std::string& prefix = "") {
  std::vector<Verb> verbs;
  for (const CLI::App* verb : SubcommandsOf(app)) {
    const std::string name = prefix + verb->get_name();
    verbs.push_back({name, verb->get_description(), FlagsOf(*verb), NamesOf(*verb)});
    for (Verb& below : VerbsOf(*verb, name + " ")) verbs.push_back(std::move(below));
  }
  return verbs;
}

/// What follows a verb.
std::string WordsOf(const Verb& verb) {
  return fmt::format("{}{}{}", fmt::join(verb.verbs, " "), verb.verbs.empty() ? "" : " ", fmt::join(verb.flags, " "));
}

/// A pattern of the shells' `case`: `"top"|"recursion"|"recursion list"`.
std::string Pattern(const std::vector<Verb>& verbs) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs) names.push_back('"' + verb.name + '"');
  return fmt::format("{}", fmt::join(names, "|"));
}

std::string Bash(const CLI::App& app) {
  const std::vector<Verb> verbs = VerbsOf(app);
  std::string cases;
  for (const Verb& verb : verbs) cases += fmt::format("    \"{}\") words=\"{}\" ;;\n", verb.name, WordsOf(verb));
  return fmt::format(R"(_profctl() {{
  local word verb= words
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "${{verb:+$verb }}$word" in {}) verb="${{verb:+$verb }}$word" ;; esac
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
                     Pattern(verbs), fmt::join(NamesOf(app), " "), fmt::join(FlagsOf(app), " "), cases);
}

std::string Zsh(const CLI::App& app) {
  const std::vector<Verb> verbs = VerbsOf(app);
  std::string described, cases;
  for (const CLI::App* verb : SubcommandsOf(app)) {
    described += fmt::format("    '{}:{}'\n", verb->get_name(), verb->get_description());
  }
  for (const Verb& verb : verbs) {
    cases += fmt::format("    \"{}\") compadd -- {}{} ;;\n", verb.name, WordsOf(verb),
                         verb.name == "completion" ? " bash zsh fish" : "");
  }
  return fmt::format(R"(#compdef profctl
_profctl() {{
  local -a verbs=(
{}  )
  local word verb=
  for word in ${{words[2,CURRENT-1]}}; do
    case "${{verb:+$verb }}$word" in {}) verb="${{verb:+$verb }}$word" ;; esac
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
                     described, Pattern(verbs), fmt::join(FlagsOf(app), " "), cases);
}

std::string FishFlags(const std::string& condition, const std::vector<std::string>& flags) {
  std::string lines;
  for (const std::string& flag : flags) {
    lines += fmt::format("complete -c profctl -n '{}' {} {}\n", condition, flag.starts_with("--") ? "-l" : "-s",
                         flag.substr(flag.find_first_not_of('-')));
  }
  return lines;
}

std::string FishVerbs(const CLI::App& app) {
  std::string script;
  for (const CLI::App* verb : SubcommandsOf(app)) {
    const std::string seen = "__fish_seen_subcommand_from " + verb->get_name();
    const std::string own = fmt::format("{}", fmt::join(NamesOf(*verb), " "));
    script += fmt::format("complete -c profctl -n __fish_use_subcommand -a {} -d '{}'\n", verb->get_name(),
                          verb->get_description());
    script += FishFlags(own.empty() ? seen : seen + "; and not __fish_seen_subcommand_from " + own, FlagsOf(*verb));
    for (const CLI::App* below : SubcommandsOf(*verb)) {
      script += fmt::format("complete -c profctl -n '{}; and not __fish_seen_subcommand_from {}' -a {} -d '{}'\n", seen,
                            own, below->get_name(), below->get_description());
      script += FishFlags(seen + "; and __fish_seen_subcommand_from " + below->get_name(), FlagsOf(*below));
    }
  }
  return script;
}

std::string Fish(const CLI::App& app) {
  std::string script = "complete -c profctl -f\n" + FishVerbs(app);
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
