// Questions about one object, answered without this process ever parsing it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "base/status.h"

namespace profd {

enum class ObjectKind { kElf, kPerfMap, kKallsyms };

/// What a file is, for caching: two files with equal identity have equal content.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t mtime_ns = 0;
  uint64_t size = 0;
  uint32_t owner = 0;  ///< user id; no part of the identity: chown makes no other file

  auto operator<=>(const FileIdentity& other) const {
    return std::tie(device, inode, mtime_ns, size) <=> std::tie(other.device, other.inode, other.mtime_ns, other.size);
  }
  bool operator==(const FileIdentity& other) const { return (*this <=> other) == 0; }
};

/// A file to be asked about. The descriptor stays the caller's; it is duplicated into the worker.
struct ObjectRef {
  FileIdentity identity;
  ObjectKind kind = ObjectKind::kElf;
  int fd = -1;
};

struct FrameLine {
  std::string function;     ///< readable name
  std::string system_name;  ///< as the object has it
  std::string file;
  int64_t line = 0;
  int64_t start_line = 0;
  bool wrapper = false;  ///< made by Go's compiler around another function; its runtime does not show it
};
using FrameLines = std::vector<FrameLine>;  ///< innermost inlined first; empty: unknown

struct ObjectFacts {
  std::string build_id;    ///< hex
  std::string go_version;  ///< "go1.26.1", empty when no Go
  std::string symbols;     ///< "symtab", "dynsym", "gopclntab", "perf-map", "kallsyms", "none"
};

/// Where a function is in its file, and how its code begins.
struct FunctionCode {
  uint64_t offset = 0;  ///< 0: there is no such function
  std::string code;     ///< at most 16 bytes

  bool operator==(const FunctionCode&) const = default;
};

struct NamedFunction {
  std::string name;  ///< as it was linked
  FunctionCode code;

  bool operator==(const NamedFunction&) const = default;
};

/// That maps are accessed through. The enumerations' numbers are the protocol's (proto/worker).
struct MapFunction {
  enum class Operation { kRead, kWrite, kDelete, kIterate, kClear };
  /// How the function gets map and key, by the registers of x86-64: the map's type is in AX, the map in BX. Of sync.Map
  /// since Go 1.24 the map is in AX.
  enum class Key {
    kNone,        ///< it gets no key: it iterates or clears
    kPointer,     ///< CX points at it
    kFast32,      ///< the low half of CX
    kFast64,      ///< CX
    kString,      ///< its bytes at CX, their number in DI
    kInterface,   ///< of sync.Map: its type in CX, its word of data in DI
    kNoneOfSync,  ///< of sync.Map: as kNone
  };
  Operation operation = Operation::kRead;
  Key key = Key::kNone;
  FunctionCode code;

  bool operator==(const MapFunction&) const = default;
};

/// Offsets in bytes; from Go's own data where the binary has it, else from a table by version.
struct GoFacts {
  std::string version;
  int64_t tls_g_offset = 0;
  bool tls_g_known = false;
  /// From the start of the text: a word that the loader has written the real offset to.
  std::optional<int64_t> tls_slot;
  uint32_t g_stack_lo = 0, g_stack_hi = 0, g_m = 0, g_sched_sp = 0, g_sched_pc = 0, g_sched_bp = 0, g_goid = 0;
  uint32_t m_g0 = 0, m_curg = 0, m_gsignal = 0;
  uint32_t m_vdso_sp = 0;  ///< 0: not known
  uint32_t g_labels = 0;   ///< 0: not known
  bool labels_are_list = false;
  bool swiss_maps = false;                  ///< maps are internal/runtime/maps.Map, else runtime.hmap
  uint64_t text_offset = 0, text_size = 0;  ///< Go's functions, in the file; size 0: not known
  FunctionCode stack_growth;                ///< runtime.(*mheap).allocManual, which large stacks come from
  FunctionCode fatal_error;                 ///< runtime.throw
  /// From the start of the text: runtime.maxstacksize, a word.
  std::optional<int64_t> max_stack;
  /// What the program's maps are accessed through, at most 40; one call of the program's is one call of one of them.
  /// Those that are not in the binary are not here.
  std::vector<MapFunction> map_functions;
};

/// Counters of the questions asked, by result.
struct AnalyzerCounters {
  uint64_t ok = 0, refused = 0, crashed = 0, timed_out = 0, backed_off = 0, launch_failed = 0;
  double seconds = 0;  ///< wall time spent waiting for answers
};

/// Thread safe; calls block until the answer is there, the deadline is over or the worker died. Errors:
/// InvalidArgument (the object was refused, with the reason), DeadlineExceeded, Internal (worker crashed),
/// Unavailable (in backoff after a failure; ask again later).
class ObjectAnalyzer {
 public:
  virtual ~ObjectAnalyzer() = default;
  virtual absl::StatusOr<ObjectFacts> Describe(const ObjectRef& object) = 0;
  /// One answer for each position, in order. ELF: file offsets. Perf map, kallsyms: addresses.
  virtual absl::StatusOr<std::vector<FrameLines>> Resolve(const ObjectRef& object,
                                                          std::span<const uint64_t> positions) = 0;
  /// NotFound when the object is no Go program; FailedPrecondition when its layout is not known (why is in the
  /// message).
  virtual absl::StatusOr<GoFacts> AskGo(const ObjectRef& object) = 0;
  /// For each file offset, in order: how far above the stack pointer the return address is when the instruction there
  /// is about to run, bytes; nothing where that is not known. Go's functions only.
  virtual absl::StatusOr<std::vector<std::optional<uint32_t>>> AskStackDeltas(const ObjectRef& object,
                                                                              std::span<const uint64_t> positions) = 0;
  /// For each file offset of a Go type's descriptor (abi.Type), in order: the type's name as Go prints it, at most 1024
  /// bytes; empty where it cannot be told.
  virtual absl::StatusOr<std::vector<std::string>> AskGoTypes(const ObjectRef& object,
                                                              std::span<const uint64_t> positions) = 0;
  /// The functions whose names, as they were linked, match the glob: at most 32, with 16 bytes of code each.
  virtual absl::StatusOr<std::vector<NamedFunction>> AskFunctions(const ObjectRef& object, const std::string& glob) = 0;
  virtual AnalyzerCounters counters() const = 0;
};

}  // namespace profd
