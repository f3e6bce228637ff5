// Everything that can be set, validated, in one immutable value. Each flag is a YAML key with `_` for `-`; a flag wins
// over the file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace profd {

struct Config {
  std::string socket = "/run/profd/profd.sock";
  std::string socket_group = "profd";
  std::string http = "127.0.0.1:7480";  ///< empty: no HTTP
  std::string http_token_file = "/run/profd/http.token";
  std::string data_dir = "/var/lib/profd";
  uint32_t sample_hz = 19;       ///< 1 to 1000
  bool hardware_cycles = false;  ///< sample hardware cycles instead of the CPU clock
  bool map_probes = true;
  double map_probe_budget = 1.0;  ///< percent of a process's own CPU time
  bool map_key_text = false;
  std::vector<std::string> map_function;     ///< of programs that are not Go, as of ParseUserMapFunction
  uint32_t recursion_growing_doublings = 3;  ///< of a stack, that make a recursion "growing"
  uint32_t recursion_growing_rises = 4;      ///< or so many readings in a row, each deeper than the one before
  double recursion_projected_percent = 25;   ///< of its limit that a growing stack has in use to be "projected"
  uint32_t recursion_horizon_seconds = 600;  ///< an overflow farther away than that is not projected
  uint32_t suspect_hz = 99;                  ///< ticks a second on each CPU for processes that recurse; 10 to 1000
  std::vector<std::string> exclude;          ///< selectors: command=X, container=X, namespace=X
  bool grpc_reflection = false;
  std::string log_level = "info";   ///< trace debug info warn error
  std::string log_format = "text";  ///< text json
};

/// What main is to do.
struct CommandLine {
  enum class Action { kRun, kCheck, kWorker, kExit };
  Action action = Action::kRun;
  int exit_code = 0;   ///< for kExit: after --help or --version
  std::string output;  ///< for kExit: what to print on stdout
  Config config;
};

/// InvalidArgument names the flag or key and what it may be. Unknown YAML keys are errors that name the nearest known
/// key.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

/// The same command line with its file read anew, for SIGHUP.
absl::StatusOr<Config> ReloadConfig(int argc, const char* const* argv);

/// The keys in which they differ.
std::vector<std::string> ChangedKeys(const Config& before, const Config& after);

/// For SIGHUP: takes into `running` what can change while profd runs, which is the log level. Returns the keys of what
/// else differs and needs a restart.
std::vector<std::string> TakeReloadable(Config& running, const Config& wanted);

}  // namespace profd
