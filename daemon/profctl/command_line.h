// profctl's command line.
#pragma once

namespace profd::profctl {

/// Does what it says; returns the exit code.
int Run(int argc, const char* const* argv);

}  // namespace profd::profctl
