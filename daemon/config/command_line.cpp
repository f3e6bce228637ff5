#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>

#include "base/version.h"
#include "config/config.h"
#include "config/config_file.h"
#include "config/options.h"

namespace profd {
namespace {

constexpr const char* kConfigFlag = "--config";
constexpr const char* kCheckFlag = "--check";
constexpr const char* kVersionFlag = "--version";
constexpr const char* kHelpFlag = "--help";

absl::Status Usage(std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "{} (profd --help lists all flags)", what);
}

/// CLI11 takes the command line apart; what the texts mean is up to options.h.
class Parser {
 public:
  Parser() {
    app_.set_help_flag(kHelpFlag, "this text");
    app_.allow_extras();
    config_ = app_.add_option(kConfigFlag, "configuration file: YAML, every flag below is a key with _ for -")
                  ->type_name("FILE")
                  ->take_last();
    for (const Option& option : Options()) flags_[&option] = Add(option);
    check_ = AddSwitch(kCheckFlag, "say whether profd could run here, then exit");
    version_ = AddSwitch(kVersionFlag, "print the version");
  }

  absl::StatusOr<CommandLine> Parse(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());  // the order that CLI11 wants in a vector
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
      return Exit(app_.help());
    } catch (const CLI::ParseError& error) {
      return Usage(error.what());
    }
    RETURN_IF_ERROR(CheckExtras());
    if (version_->count() > 0) return Exit(fmt::format("profd {}\n", Version()));

    CommandLine line;
    if (check_->count() > 0) line.action = CommandLine::Action::kCheck;
    if (config_->count() > 0) RETURN_IF_ERROR(ReadConfigFile(config_->results().back(), line.config));
    for (const auto& [option, flag] : flags_) {
      if (flag->count() == 0) continue;
      const absl::Status status = SetOption(*option, flag->results(), line.config);
      if (!status.ok()) return Annotate(status, option->Flag());
    }
    return line;
  }

 private:
  static CommandLine Exit(std::string output) {
    return {.action = CommandLine::Action::kExit, .exit_code = 0, .output = std::move(output)};
  }

  CLI::Option* AddSwitch(const std::string& flag, const std::string& help) {
    return app_.add_flag(flag, help)->take_last();
  }

  CLI::Option* Add(const Option& option) {
    if (option.value.empty()) return AddSwitch(option.Flag(), std::string(option.help));
    const std::string help =
        fmt::format("{}: {} (default {})", option.help, option.expected, ShowOption(option, Config()));
    CLI::Option* flag = app_.add_option(option.Flag(), help)->type_name(std::string(option.value));
    if (option.IsList()) return flag->take_all()->allow_extra_args(false);
    return flag->take_last();
  }

  /// What CLI11 knows no place for.
  absl::Status CheckExtras() const {
    const std::vector<std::string> extras = app_.remaining();
    if (extras.empty()) return absl::OkStatus();
    const std::string& first = extras.front();
    if (!first.starts_with('-')) return Usage(fmt::format("unexpected argument '{}'", first));
    std::vector<std::string> known{kConfigFlag, kCheckFlag, kVersionFlag, kHelpFlag};
    for (const Option& option : Options()) known.push_back(option.Flag());
    const std::string name = first.substr(0, first.find('='));
    return Usage(fmt::format("unknown flag '{}', did you mean '{}'?", name, Nearest(name, known)));
  }

  CLI::App app_{"profd: profiles every process of this machine and catches runaway recursion", "profd"};
  CLI::Option* config_ = nullptr;
  CLI::Option* check_ = nullptr;
  CLI::Option* version_ = nullptr;
  std::map<const Option*, CLI::Option*> flags_;
};

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  // Internal, and never mixed with flags: the process that parses hostile files starts this way.
  if (!arguments.empty() && arguments.front() == "--worker") {
    if (arguments.size() > 1) return Usage("--worker is how profd starts its own workers: nothing may follow it");
    return CommandLine{.action = CommandLine::Action::kWorker};
  }
  return Parser().Parse(std::move(arguments));
}

absl::StatusOr<Config> ReloadConfig(int argc, const char* const* argv) {
  ASSIGN_OR_RETURN(CommandLine line, ParseCommandLine(argc, argv));
  return std::move(line.config);
}

std::vector<std::string> ChangedKeys(const Config& before, const Config& after) {
  std::vector<std::string> keys;
  for (const Option& option : Options()) {
    if (ShowOption(option, before) != ShowOption(option, after)) keys.emplace_back(option.key);
  }
  return keys;
}

std::vector<std::string> TakeReloadable(Config& running, const Config& wanted) {
  running.log_level = wanted.log_level;
  return ChangedKeys(running, wanted);
}

}  // namespace profd
