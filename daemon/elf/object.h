// One object, opened: what it is, and what its positions stand for. The worker's server asks, nothing else does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "elf/go_maps.h"
#include "elf/go_runtime.h"

namespace profd::elf {

struct Line {
  std::string function;     ///< readable name
  std::string system_name;  ///< as the object has it
  std::string file;
  int64_t line = 0, start_line = 0;  ///< 0: unknown
  bool wrapper = false;              ///< made by Go's compiler around another function; its runtime does not show it
};
using Lines = std::vector<Line>;  ///< innermost inlined first; empty: unknown

struct Facts {
  std::string build_id;    ///< hex
  std::string go_version;  ///< empty when no Go
  std::string symbols;     ///< "symtab", "dynsym", "gnu_debugdata", "gopclntab", "perf-map", "kallsyms", "none"
  uint64_t symbol_count = 0;
};

/// The beginning of a function's code, and where in the file it is; 0: there is no such function.
struct FunctionCode {
  uint64_t offset = 0;
  std::string code;
};

struct NamedFunction {
  std::string name;  ///< as it was linked
  FunctionCode code;
};
inline constexpr size_t kMaxNamedFunctions = 32;

struct MapFunction {
  MapFunctionKind kind;
  FunctionCode code;
};

struct GoRuntime {
  std::string version;          ///< empty: not built by Go
  std::optional<TlsPlace> tls;  ///< its slot counts from the start of the text; nothing: not known
  GoOffsets offsets;
  std::string unknown_layout;               ///< not empty: why the offsets are not known
  uint64_t text_offset = 0, text_size = 0;  ///< of Go's functions, in the file
  FunctionCode stack_growth, fatal_error;   ///< runtime.(*mheap).allocManual, runtime.throw
  std::optional<int64_t> max_stack;         ///< runtime.maxstacksize, from the start of the text
  std::vector<MapFunction> map_functions;   ///< x86-64, those that are there, in no order
};

/// One thread at a time. Every error is a refusal (InvalidArgument) with its reason.
class Object {
 public:
  virtual ~Object() = default;
  /// An object whose tables are broken has its other facts, and "none" as its symbols.
  virtual absl::StatusOr<Facts> Describe() = 0;
  /// ELF: an offset in the file. Text tables: an address. Refuses when the tables are broken, with the reason.
  virtual absl::StatusOr<Lines> Resolve(uint64_t position) = 0;
  virtual absl::StatusOr<GoRuntime> AskGo() = 0;
  /// How far above the stack pointer the return address is when the instruction at `position` is about to run, bytes.
  /// Known in Go's functions; nothing where they have switched stacks.
  virtual std::optional<uint32_t> StackDelta(uint64_t /*position*/) { return std::nullopt; }
  /// Of the Go type whose descriptor is at `position`, as Go prints it; empty where it cannot be told.
  virtual std::string TypeName(uint64_t /*position*/) { return {}; }
  /// The functions whose names match the glob, at most kMaxNamedFunctions. ELF for x86-64 with a symbol table only.
  virtual std::vector<NamedFunction> FunctionsNamed(const std::string& /*glob*/) { return {}; }
};

absl::StatusOr<std::unique_ptr<Object>> OpenElf(UniqueFd file);
/// Lines "start size name", hexadecimal, as JIT compilers write them to /tmp/perf-PID.map. A later line wins.
absl::StatusOr<std::unique_ptr<Object>> OpenPerfMap(UniqueFd file);
/// /proc/kallsyms: lines "address type name [module]". Refuses one whose addresses the kernel hides.
absl::StatusOr<std::unique_ptr<Object>> OpenKallsyms(UniqueFd file);

}  // namespace profd::elf
