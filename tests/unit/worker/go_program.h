// Go programs that the tests build, with what Go's own runtime says about them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace profd::testing_worker {

/// Of `go build`: without tables of symbols and debugging information.
inline constexpr const char* kStripFlag = "-ldflags=-s -w";

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

/// What the program's package reflect says about one of its types.
struct GoTypeTruth {
  uint64_t offset = 0;  ///< of the descriptor, in the executable
  std::string name;
};

struct GoProgram {
  std::string why_not;  ///< not empty: it could not be built here, and why
  std::string path;
  std::vector<GoTruth> truth;
  std::vector<GoTypeTruth> types;
};

/// Builds below `directory` and runs it once. No network is used: other toolchains must be in Go's module cache.
GoProgram BuildGo(const std::string& directory, const GoBuild& build);

/// By name, where the linker put the functions in the file of a program that was built there. For a stripped one, in
/// the same program with its symbols, which is built for that.
std::map<std::string, uint64_t> LinkedFunctions(const std::string& directory, const GoBuild& build);

}  // namespace profd::testing_worker
