// What the kernel side must know about a Go runtime: where the goroutine is, and its structures' offsets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "elf/bytes.h"

namespace profd::elf {

/// Offsets in bytes, in runtime.g and runtime.m.
struct GoOffsets {
  uint32_t g_stack_lo = 0, g_stack_hi = 0, g_m = 0, g_sched_sp = 0, g_sched_pc = 0, g_sched_bp = 0, g_goid = 0;
  uint32_t m_g0 = 0, m_curg = 0, m_gsignal = 0;
  uint32_t m_vdso_sp = 0;        ///< 0: not known
  uint32_t g_labels = 0;         ///< where a pointer to the goroutine's pprof labels is
  bool labels_are_list = false;  ///< else they are a map
  bool swiss_maps = false;       ///< maps are internal/runtime/maps.Map, else runtime.hmap

  bool operator==(const GoOffsets&) const = default;
};

/// The offsets of 64-bit Go 1.18 to 1.27, the versions that were measured. Refuses others: a wrong offset reads
/// garbage.
absl::StatusOr<GoOffsets> GoOffsetsOf(const std::string& version);

/// Of "go1.26.1 X:noswissmap": 26. Nothing: no released version.
std::optional<unsigned> GoMinorVersion(std::string_view version);

/// What differs between versions in the tables of functions and types.
struct GoTables {
  uint64_t types_word = 0;   ///< of runtime.moduledata: `types`, where the types and their names are
  uint64_t etypes_word = 0;  ///< of runtime.moduledata: where they end
  uint64_t gofunc_word = 0;  ///< of runtime.moduledata: `gofunc`, what the offsets of functions' data count from
  uint8_t wrapper_id = 0;    ///< kind of the functions that the compiler wraps around others (FuncIDWrapper)
};
/// Nothing: not known of this version.
std::optional<GoTables> GoTablesOf(const std::string& version);

/// Where the goroutine is, from the thread pointer.
struct TlsPlace {
  int64_t offset = 0;
  /// Shared libraries: the loader decides the offset and writes it to a word this far from the start of the function.
  std::optional<int64_t> slot;

  bool operator==(const TlsPlace&) const = default;
};
/// From the machine code of runtime.stackcheck (x86-64).
std::optional<TlsPlace> DecodeTlsPlace(const Bytes& stackcheck);

/// What runtime.nanotime1 does with its thread's structures: some offsets of this very build, whatever its version
/// says.
struct ThreadPlaces {
  uint32_t g_m = 0, m_curg = 0, m_vdso_sp = 0;

  bool operator==(const ThreadPlaces&) const = default;
};
/// From the machine code of runtime.nanotime1 (x86-64).
std::optional<ThreadPlaces> DecodeThreadPlaces(const Bytes& nanotime);

/// Where runtime.maxstacksize is, from the start of runtime.main, by that function's machine code (x86-64): it sets it
/// to its default, 1,000,000,000 bytes.
std::optional<int64_t> DecodeMaxStack(const Bytes& main);

}  // namespace profd::elf
