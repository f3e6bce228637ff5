#include "profctl/command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

#include "base/version.h"
#include "profctl/commands/commands.h"
#include "profctl/commands/completion.h"
#include "profctl/exit_code.h"

namespace profd::profctl {
namespace {

constexpr char kFooter[] = R"(
exit codes: 0 ok, 1 error, 2 usage, 3 daemon unreachable, 4 no such process, 5 denied, 130 interrupted
)";

// The help texts list what can be given; CLI11 would add it a second time, in its own words.
CLI::Validator OneOf(std::vector<std::string> names) { return CLI::IsMember(std::move(names)).description(""); }
CLI::Validator AnyPid() { return CLI::Range(1u, UINT32_MAX).description(""); }

/// Options that stand before the verb as well as after it.
void AddCommon(CLI::App& app, Options& options) {
  app.add_option("--address", options.address, "the daemon's socket")->type_name("ADDRESS")->capture_default_str();
  app.add_option("-o,--output", options.output, "table, wide or json")
      ->check(OneOf({"table", "wide", "json"}))
      ->type_name("FORMAT");
  app.add_option("--color", options.color, "auto, always or never")
      ->check(OneOf({"auto", "always", "never"}))
      ->type_name("WHEN");
}

void AddSelection(CLI::App& app, Options& options) {
  app.add_option("-p,--pid", options.pid, "one process")->check(AnyPid())->type_name("PID");
  app.add_option("--ns-pid", options.ns_pid, "one process, by its pid inside its container")
      ->check(AnyPid())
      ->type_name("PID");
  app.add_option("-l,--selector", options.selectors, "command=X,pod=X,container=X,namespace=X: all must match")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
}

void AddRows(CLI::App& app, Options& options) {
  app.add_option("-n", options.limit, "rows to show; 0: all")
      ->check(CLI::Range(0, INT32_MAX).description(""))
      ->type_name("N");
  app.add_option("--sort", options.sort, "what to sort by")->type_name("KEY");
}

class CommandLine {
 public:
  CommandLine();
  int Run(int argc, const char* const* argv);

 private:
  CLI::App* AddVerb(const std::string& name, const std::string& help, std::function<int()> run) {
    return AddVerb(app_, name, help, std::move(run));
  }
  CLI::App* AddVerb(CLI::App& parent, const std::string& name, const std::string& help, std::function<int()> run);
  void AddTop();
  void AddRecord();
  void AddRecursion();
  void AddOthers();

  CLI::App app_{"profctl asks profd what the processes of this machine are doing.", "profctl"};
  Options options_;
  TopOptions top_;
  RecordOptions record_;
  RecursionOptions recursion_;
  std::string shell_, probes_;
  std::function<int()> chosen_;
};

CommandLine::CommandLine() {
  AddCommon(app_, options_);
  AddSelection(app_, options_);
  AddRows(app_, options_);
  app_.set_version_flag("--version", "profctl " + std::string(Version()));
  app_.footer(kFooter);
  app_.require_subcommand(1);
  AddTop();
  AddRecord();
  AddRecursion();
  AddOthers();
}

CLI::App* CommandLine::AddVerb(CLI::App& parent, const std::string& name, const std::string& help,
                               std::function<int()> run) {
  CLI::App* verb = parent.add_subcommand(name, help);
  AddCommon(*verb, options_);
  // A verb of a verb is called before it.
  verb->callback([this, run = std::move(run)] {
    if (!chosen_) chosen_ = run;
  });
  return verb;
}

void CommandLine::AddTop() {
  CLI::App* top =
      AddVerb("top", "processes by CPU, or with --pid the functions of one", [this] { return RunTop(options_, top_); });
  AddSelection(*top, options_);
  AddRows(*top, options_);
  top->add_option("-d,--duration", top_.duration, "sample afresh for that long (500ms, 10s, 2m); else the last 10 s")
      ->type_name("TIME");
  top->add_flag("--once", top_.once, "print once, even in a terminal");
  top->footer("sorts processes by cpu, samples, frames, stack, pid, command; functions by flat, cum, repeats, name");
}

void CommandLine::AddRecord() {
  CLI::App* record = AddVerb("record", "a profile of the next while, or of the past, into a file",
                             [this] { return RunRecord(options_, record_); });
  AddSelection(*record, options_);
  record->add_option("-d,--duration", record_.duration, "500ms, 10s, 2m, or seconds; 10s when not given")
      ->type_name("TIME");
  record->add_option("--since", record_.since, "instead of recording: from there on (2026-03-01T12:00:00Z, -5m)")
      ->type_name("WHEN");
  record->add_option("--until", record_.until, "up to there; now when not given")->type_name("WHEN");
  record->add_option("--format", record_.format, "pprof, folded, svg or speedscope; else by the file's name")
      ->check(OneOf({"pprof", "folded", "svg", "speedscope"}))
      ->type_name("FORMAT");
  record->add_option("-f,--file", record_.file, "where to; - is standard output")->type_name("FILE");
  record->add_flag("--goroutines", record_.goroutines,
                   "tell goroutines of Go programs apart, by a label with their id");
  record->add_flag("--labels", record_.labels, "keep the labels that Go programs set for goroutines (pprof.Do)");
}

void CommandLine::AddRecursion() {
  const auto run_list = [this] { return RunRecursionList(options_, recursion_); };
  const auto add_list = [this](CLI::App& verb) {
    AddSelection(verb, options_);
    AddRows(verb, options_);
    verb.add_flag("--active", recursion_.active, "only what is under way");
    verb.add_flag("--all", recursion_.all, "in the table: also what recurses and never grew, as honest programs do");
    verb.footer("sorts by seen, grade, depth, stack, count");
  };
  CLI::App* recursion = AddVerb("recursion", "recursion stories: list, watch, show ID", run_list);
  add_list(*recursion);
  recursion->require_subcommand(0, 1);
  add_list(*AddVerb(*recursion, "list", "now and of processes that are gone; the same without a verb", run_list));
  CLI::App* watch = AddVerb(*recursion, "watch", "a line for each change, until Ctrl-C; begins with what is under way",
                            [this] { return RunRecursionWatch(options_); });
  AddSelection(*watch, options_);
  watch->footer("-o json prints an object a line");
  CLI::App* show = AddVerb(*recursion, "show", "all evidence of one story",
                           [this] { return RunRecursionShow(options_, recursion_); });
  AddSelection(*show, options_);
  show->add_option("id", recursion_.id, "its id, or how that begins")->required()->type_name("ID");
  show->footer("-o wide shows all of a long cycle and history");
}

void CommandLine::AddOthers() {
  CLI::App* ps = AddVerb("ps", "known processes: runtime, symbols, container", [this] { return RunPs(options_); });
  AddSelection(*ps, options_);
  AddRows(*ps, options_);
  ps->footer("sorts by pid, command, runtime, start");
  CLI::App* maps = AddVerb("maps", "where a process uses Go maps, how often, and what is wrong with them",
                           [this] { return RunMaps(options_); });
  AddSelection(*maps, options_);
  AddRows(*maps, options_);
  maps->footer(
      "sorts by share, rate, entries, caller; -o wide shows the most frequent keys, as hashes unless profd "
      "runs with --map-key-text");
  CLI::App* url = AddVerb("url", "the HTTP address with its token", [this] { return RunUrl(options_); });
  AddSelection(*url, options_);
  CLI::App* probes = AddVerb("probes", "switch all probes in other programs on or off",
                             [this] { return RunProbes(options_, probes_); });
  probes->add_option("state", probes_, "on or off")->required()->check(OneOf({"on", "off"}))->type_name("STATE");
  AddVerb("status", "how profd is, what it costs and what it lost", [this] { return RunStatus(options_); });
  AddVerb("doctor", "what this kernel and privilege allow", [this] { return RunDoctor(options_); });
  AddVerb("version", "of profctl and profd", [this] { return RunVersion(options_); });
  CLI::App* completion = AddVerb("completion", "a completion script for bash, zsh or fish",
                                 [this] { return RunCompletion(app_, shell_); });
  completion->add_option("shell", shell_, "bash, zsh or fish")
      ->required()
      ->check(OneOf({"bash", "zsh", "fish"}))
      ->type_name("SHELL");
}

int CommandLine::Run(int argc, const char* const* argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const int code = chosen_();
  // A full disk behind a redirection shows here at the latest.
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  fmt::print(stderr, "profctl: cannot write to standard output: {}\n", ErrnoText(errno));
  return code == kExitOk ? kExitError : code;
}

}  // namespace

int Run(int argc, const char* const* argv) { return CommandLine().Run(argc, argv); }

}  // namespace profd::profctl
