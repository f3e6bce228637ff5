// Go programs that the tests build, with what Go's own runtime says about them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace profd::testing_worker {

struct GoBuild {
  std::string toolchain;           ///< "go1.23.12"; empty: the one on PATH
  std::vector<std::string> flags;  ///< of `go build`
  bool cgo = false;
};

/// What the program says about one place in its own text.
struct GoTruth {
  uint64_t offset = 0;  ///< in the executable
  std::string function, file;
  int64_t line = 0, start_line = 0;
};

struct GoProgram {
  std::string why_not;  ///< not empty: it could not be built here, and why
  std::string path;
  std::vector<GoTruth> truth;
};

/// Builds below `directory` and runs it once. No network is used: other toolchains must be in Go's module cache.
GoProgram BuildGo(const std::string& directory, const GoBuild& build);

}  // namespace profd::testing_worker
