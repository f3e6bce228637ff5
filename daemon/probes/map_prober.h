// What arms map functions of a process for a window of time, and hands out the hits; the kernel's, or a fake.
#pragma once

#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "process/process_table.h"
#include "worker/object_analyzer.h"

namespace profd {

/// Of a binary's map functions, by number.
using MapFunctionSet = std::bitset<256>;

/// Where a function that is not Go's has its arguments: registers by their place among rdi, rsi, rdx, rcx, r8, r9.
struct MapArguments {
  uint8_t map = 0, key = 0, key_length = 0;
  uint8_t key_kind = 0;  ///< a number of profd_map_user_key
};

/// A probe in a map function.
struct MapProbeSite {
  uint64_t offset = 0;   ///< in the file, of the instruction
  uint8_t function = 0;  ///< the caller's number for it, given back with each hit
  MapFunction::Key key = MapFunction::Key::kNone;
  std::optional<MapArguments> arguments;  ///< none: it is Go's
};

struct MapWindowSpec {
  ProcessId process;
  uint64_t number = 0;  ///< of all windows ever, given back with each hit
  int fd = -1;          ///< the binary
  std::vector<MapProbeSite> sites;
  uint32_t skip_hits = 0;  ///< that are only counted, before those that are told
  uint32_t most_hits = 0;  ///< that are told; later ones are only counted
  bool swiss = false;      ///< the layout of maps from Go 1.24 on
  bool key_text = false;   ///< whether hits have the key itself
  uint32_t g_goid = 0, g_stack_hi = 0;
  /// 0: all threads, by probes. Else this one alone, by breakpoints of the CPU in the first kBreakpoints sites: each
  /// ends by itself with its hit number `most_hits`, and the process's memory is not touched.
  uint32_t thread = 0;
  uint64_t load_bias = 0;  ///< with `thread`: where the process has the file's text, address minus offset
};

/// One call of a map function.
struct MapHit {
  uint64_t window = 0;
  BootTime time{};
  uint32_t tid = 0;
  uint8_t function = 0;
  uint64_t goroutine = 0;      ///< its id; 0: not known
  uint64_t caller = 0;         ///< return address
  uint64_t parent = 0;         ///< that of the caller
  uint64_t map = 0, type = 0;  ///< addresses; type 0: sync.Map, or not Go's
  uint64_t entries = 0;
  uint64_t room = 0;         ///< for so many, at most; 0: not known
  uint64_t key_hash = 0;     ///< 0: there is none, or it could not be read
  uint32_t key_size = 0;     ///< bytes
  std::string key;           ///< its first 64 bytes, where text was wanted
  uint64_t stack_bytes = 0;  ///< in use, of the goroutine
  bool nil = false, unreadable = false, being_written = false;
  bool overflows = false;  ///< as many overflow buckets as buckets: its keys collide
  bool last = false;       ///< the window is full

  bool operator==(const MapHit&) const = default;
};

/// What a window has cost: all hits from the first trap to the last.
struct MapWindowCount {
  uint64_t hits = 0;
  uint64_t other_hits = 0;                     ///< of other processes, where a probe cannot be had for one alone
  std::chrono::nanoseconds program{};          ///< in BPF; the traps are not in it
  uint64_t armed_hits = 0;                     ///< of `hits`: while it was armed, told or not
  BootTime first{};                            ///< of these
  std::chrono::nanoseconds program_of_told{};  ///< of `program`: of the hits that were told

  /// Time in BPF of those that were told and so many others, which take less.
  std::chrono::nanoseconds ProgramOf(uint64_t told, uint64_t others) const {
    const uint64_t all = hits + other_hits, untold = all - std::min(all, told);
    if (untold == 0) return program_of_told;
    return program_of_told + (program - program_of_told) * static_cast<int64_t>(others) / static_cast<int64_t>(untold);
  }
};

/// Thread safe, but for Read().
class MapProber {
 public:
  static constexpr uint32_t kSlots = 8;
  static constexpr size_t kBreakpoints = 4;  ///< that a thread has; debuggers take some too

  virtual ~MapProber() = default;
  /// Puts traps at the sites of the process until Close(). The slot, below kSlots, is free. On failure nothing stays.
  virtual absl::Status Open(uint32_t slot, const MapWindowSpec& spec) = 0;
  /// Hits are told, and counted as such, from when it is armed until it is not, or closed. A single thread's is armed
  /// from the beginning.
  virtual void SetArmed(uint32_t slot, bool armed) = 0;
  /// Blocks until the breakpoints are gone.
  virtual MapWindowCount Close(uint32_t slot) = 0;
  /// Becomes readable when a window is full.
  virtual int hits_fd() const = 0;
  /// Appends the hits that have come. Never blocks. One thread.
  virtual void Read(std::vector<MapHit>& out) = 0;
  /// What each hit costs the process besides the program.
  virtual std::chrono::nanoseconds trap_cost() const = 0;
  /// Measures that once more, within a millisecond: at the start the machine may have been busier. One thread.
  virtual void MeasureTrapCost() = 0;
  /// The same of a breakpoint of the CPU, measured at the start. Nothing: there are none to be had.
  virtual std::optional<std::chrono::nanoseconds> breakpoint_cost() const = 0;
};

}  // namespace profd
