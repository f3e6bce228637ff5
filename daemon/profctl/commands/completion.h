// `completion`, which needs the command line's own definition.
#pragma once

#include <CLI/App.hpp>

#include <string>

namespace profd::profctl {

/// Prints the completion script of `shell` (bash, zsh or fish) and returns the exit code.
int RunCompletion(const CLI::App& app, const std::string& shell);

}  // namespace profd::profctl
