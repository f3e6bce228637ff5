// Runs the real profctl.
#pragma once

#include <csignal>
#include <functional>
#include <string>
#include <vector>

namespace profd::testing {

struct RunResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// Runs profctl with these arguments until it ends; both outputs go to files. `meanwhile`, when given, is called with
/// its process id once it has started.
RunResult RunProfctl(const std::vector<std::string>& arguments, const std::function<void(pid_t)>& meanwhile = nullptr);

/// profctl on a terminal of its own: `input` is typed once `ready` has appeared. Everything that appeared is in `out`.
RunResult RunOnTerminal(const std::vector<std::string>& arguments, const std::string& ready, const std::string& input);

}  // namespace profd::testing
