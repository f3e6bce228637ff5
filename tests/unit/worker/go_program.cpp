#include "unit/worker/go_program.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstring>
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

// Calls each function that maps are accessed through, and prints the names of types and where they are.
constexpr const char* kMaps = R"go(package main

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

type tree map[string]tree
type größe struct{ länge int8 }
type list[T any] []T

func use[K comparable](m map[K]int, key K) {
	m[key]++
	value, ok := m[key]
	for range m {
		value += m[key]
	}
	delete(m, key)
	fmt.Sprint(value, ok)
	for key := range m {
		delete(m, key)
	}
}

func useSync() {
	var m sync.Map
	m.Store("a", 1)
	m.Load("a")
	m.LoadOrStore("b", 2)
	m.LoadAndDelete("b")
	m.Delete("a")
	m.Range(func(key, value interface{}) bool { return true })
	useNewSync(&m)
}

func tell(value interface{}) {
	descriptor := *(*uintptr)(unsafe.Pointer(&value))
	fmt.Printf("type %x %s\n", offsetOf(descriptor), reflect.TypeOf(value))
}

func init() {
	use(map[string]int{}, "a")
	use(map[int32]int{}, 1)
	use(map[int64]int{}, 1)
	use(map[*int]int{}, nil)
	use(map[[16]byte]int{}, [16]byte{})
	useSync()
	tell(map[string]interface{}{})
	tell(map[int32]string{})
	tell(map[[16]byte]*shape{})
	tell(tree{})
	tell(map[größe]list[float64]{})
	tell(map[string]map[int]func(...interface{}) error{})
	tell(map[string]struct {
		A int `json:"a"`
	}{})
	tell("")
	tell(shape{})
	tell(&shape{})
}
)go";

constexpr const char* kNewSync = R"go(//go:build go1.23

package main

import "sync"

func useNewSync(m *sync.Map) {
	m.Swap("a", 1)
	m.CompareAndSwap("a", 1, 2)
	m.CompareAndDelete("a", 2)
	m.Clear()
}
)go";

constexpr const char* kOldSync = R"go(//go:build !go1.23

package main

import "sync"

func useNewSync(m *sync.Map) {}
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

template <typename T>
T At(const std::string& file, uint64_t offset) {
  T value{};
  if (offset + sizeof(T) <= file.size()) std::memcpy(&value, file.data() + offset, sizeof(T));
  return value;
}

std::map<std::string, uint64_t> FunctionsOf(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string file = content.str();
  const auto header = At<Elf64_Ehdr>(file, 0);
  std::vector<Elf64_Shdr> sections;
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    sections.push_back(At<Elf64_Shdr>(file, header.e_shoff + i * sizeof(Elf64_Shdr)));
  }
  std::map<std::string, uint64_t> functions;
  for (const Elf64_Shdr& table : sections) {
    if (table.sh_type != SHT_SYMTAB) continue;
    for (uint64_t at = 0; at < table.sh_size; at += sizeof(Elf64_Sym)) {
      const auto symbol = At<Elf64_Sym>(file, table.sh_offset + at);
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx >= sections.size()) continue;
      const Elf64_Shdr& text = sections[symbol.st_shndx];
      const char* name = file.c_str() + sections.at(table.sh_link).sh_offset + symbol.st_name;
      functions[name] = symbol.st_value - text.sh_addr + text.sh_offset;
    }
  }
  return functions;
}

void WriteSources(const std::string& directory, const GoBuild& build) {
  std::ofstream(directory + "/main.go") << kSource;
  std::ofstream(directory + "/maps.go") << kMaps;
  std::ofstream(directory + "/new_sync.go") << kNewSync;
  std::ofstream(directory + "/old_sync.go") << kOldSync;
  std::ofstream(directory + "/c.go") << (build.cgo ? kWithC : kWithoutC);
  std::ofstream(directory + "/go.mod") << "module example.com/program\n\ngo 1.18\n";
}

Result Build(const std::string& directory, const GoBuild& build, const std::string& output) {
  std::string command =
      fmt::format("cd {} && GOFLAGS=-buildvcs=false GODEBUG=goindex=0 CGO_ENABLED={} ", directory, build.cgo ? 1 : 0);
  if (!build.toolchain.empty()) command += fmt::format("GOTOOLCHAIN={} ", build.toolchain);
  command += "go build -o " + output;
  for (const std::string& flag : build.flags) command += fmt::format(" '{}'", flag);
  return Run(command + " .");
}

void ReadTruth(const std::string& output, GoProgram& program) {
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    if (line.starts_with("type ")) {
      GoTypeTruth type;
      words.ignore(5) >> std::hex >> type.offset >> std::ws;
      std::getline(words, type.name);
      program.types.push_back(type);
      continue;
    }
    GoTruth truth;
    words >> std::hex >> truth.offset >> truth.function >> truth.file >> std::dec >> truth.line >> truth.start_line;
    if (words) program.truth.push_back(truth);
  }
}

}  // namespace

GoProgram BuildGo(const std::string& directory, const GoBuild& build) {
  GoProgram program;
  program.path = directory + "/program";
  WriteSources(directory, build);
  if (const Result built = Build(directory, build, "program"); built.status != 0) {
    program.why_not = fmt::format("no Go program can be built: {}", built.output);
    return program;
  }
  ReadTruth(Run(program.path).output, program);
  return program;
}

std::map<std::string, uint64_t> LinkedFunctions(const std::string& directory, const GoBuild& build) {
  GoBuild whole = build;
  if (std::erase(whole.flags, kStripFlag) == 0) return FunctionsOf(directory + "/program");
  Build(directory, whole, "whole");
  return FunctionsOf(directory + "/whole");
}

}  // namespace profd::testing_worker
