#include "unit/worker/go_program.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace profd::testing_worker {
namespace {

// Each function reports its own place: offset, name, file, line as runtime.Caller gives them, and the line it starts
// at.
constexpr const char* kSource = R"go(package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
)

func offsetOf(pc uintptr) uintptr {
	maps, _ := os.Open("/proc/self/maps")
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var start, end, offset uintptr
		var access string
		fmt.Sscanf(strings.Replace(lines.Text(), "-", " ", 1), "%x %x %s %x", &start, &end, &access, &offset)
		if pc >= start && pc < end {
			return pc - start + offset
		}
	}
	return 0
}

//go:noinline
func report(startLine int) {
	pc, file, line, _ := runtime.Caller(1)
	fmt.Printf("%x %s %s %d %d\n", offsetOf(pc-1), runtime.FuncForPC(pc-1).Name(), file, line, startLine)
}

type shape struct{ sides int }

//go:noinline
func (s *shape) area() {
	report(33)
}

//go:noinline
func generic[T any](value T) {
	_ = fmt.Sprint(value)

	report(38)
}

var closure func()

func main() {
	closure = func() {
		for range []int{1} {
			report(47)
		}
	}
	(&shape{3}).area()
	generic("x")
	generic(3.5)
	closure()
	reportC()
	report(46)
}
)go";

constexpr const char* kWithoutC = R"go(package main

func reportC() {}
)go";

constexpr const char* kWithC = R"go(package main

// int twice_in_c(int value) { return value * 2; }
import "C"

import (
	"fmt"
	"unsafe"
)

func reportC() {
	C.twice_in_c(1)
	fmt.Printf("%x twice_in_c - 0 0\n", offsetOf(uintptr(unsafe.Pointer(C.twice_in_c))))
}
)go";

struct Result {
  int status = -1;
  std::string output;
};

Result Run(const std::string& command) {
  Result result;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  char part[4096];
  while (const size_t got = fread(part, 1, sizeof(part), pipe)) result.output.append(part, got);
  result.status = pclose(pipe);
  return result;
}

}  // namespace

GoProgram BuildGo(const std::string& directory, const GoBuild& build) {
  GoProgram program;
  program.path = directory + "/program";
  std::ofstream(directory + "/main.go") << kSource;
  std::ofstream(directory + "/c.go") << (build.cgo ? kWithC : kWithoutC);
  std::ofstream(directory + "/go.mod") << "module example.com/program\n\ngo 1.18\n";
  std::string command =
      fmt::format("cd {} && GOFLAGS=-buildvcs=false GODEBUG=goindex=0 CGO_ENABLED={} ", directory, build.cgo ? 1 : 0);
  if (!build.toolchain.empty()) command += fmt::format("GOTOOLCHAIN={} ", build.toolchain);
  command += "go build -o program";
  for (const std::string& flag : build.flags) command += fmt::format(" '{}'", flag);
  if (const Result built = Run(command + " ."); built.status != 0) {
    program.why_not = fmt::format("no Go program can be built: {}", built.output);
    return program;
  }
  std::istringstream lines(Run(program.path).output);
  GoTruth truth;
  while (lines >> std::hex >> truth.offset >> truth.function >> truth.file >> std::dec >> truth.line >>
         truth.start_line) {
    program.truth.push_back(truth);
  }
  return program;
}

}  // namespace profd::testing_worker
