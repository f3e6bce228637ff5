// Synthetic stacks with frame pointers that know the truth about themselves. Parts are named in the order of the calls:
// root first. Nothing is stored frame by frame unless it was given frame by frame.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "fake_memory.h"
#include "unwind_host.h"

namespace profd::bpf_host {

/// One call that has not returned yet: what its frame record says, and how far above it the caller's record stands.
struct Frame {
  uint64_t return_address;
  uint64_t bytes;  ///< a multiple of 8, at least 16
};

/// What the unwinder is told about the stack's bounds: at once (Go), after the first window (native), never.
enum class Bounds { kKnown, kLate, kUnknown };

class Stack {
 public:
  static constexpr uint64_t kTop = 0x7ffc'0000'0000;
  static constexpr uint64_t kLeafAddress = 0x40'1234;

  Stack& Frames(std::vector<Frame> frames);
  /// `count` frames in all, the first one nearest to the root; not necessarily whole cycles.
  Stack& Cycle(const std::vector<Frame>& cycle, uint64_t count);
  /// Bytes between the root's record and the top of the stack: the environment of a C program's main thread.
  Stack& DataAbove(uint64_t bytes);
  /// The frame pointer that the root's record holds. 0 as a rule.
  Stack& RootLink(uint64_t saved_fp);
  /// The stack is being moved: the links of frames from index `frame` on (1 is the leaf's caller) are too low by
  /// `missing`.
  Stack& MovedFrom(uint64_t frame, uint64_t missing);
  /// What stands on the stack that is no frame record.
  Stack& Filler(FakeMemory::Words words);

  /// Frames with the leaf's own; frame 0 is the leaf.
  uint64_t Depth() const { return records_ + 1; }
  uint64_t Address(uint64_t frame) const;
  /// Where the frame record of frame 1, 2 ... stands.
  uint64_t RecordAt(uint64_t frame) const { return FirstRecord() + OffsetOf(frame - 1); }
  uint64_t FirstRecord() const;

  /// Makes the stack readable; `this` has to live as long.
  void MapInto(FakeMemory& memory) const;
  host_thread Thread(Bounds bounds) const;

 private:
  struct Part {
    std::vector<Frame> cycle;       // leaf first
    std::vector<uint64_t> offsets;  // of each frame in the cycle
    uint64_t cycle_bytes = 0;
    uint64_t count = 0;
    uint64_t bytes = 0;
    // From the first record, filled in as parts are added below.
    uint64_t first_record = 0, first_byte = 0;
  };

  Stack& Add(std::vector<Frame> leaf_first, uint64_t count);
  const Part& PartOfRecord(uint64_t record) const;
  uint64_t OffsetOf(uint64_t record) const;
  uint64_t Link(uint64_t record, uint64_t bytes_to_next, uint64_t address) const;
  uint64_t Word(uint64_t address) const;

  std::vector<Part> parts_;  // leaf first
  uint64_t records_ = 0, bytes_ = 0;
  uint64_t data_above_ = 0;
  uint64_t root_link_ = 0;
  uint64_t moved_from_ = UINT64_MAX, missing_ = 0;
  FakeMemory::Words filler_;
};

/// A word such as stands in locals: zeros, numbers, pointers to code, heap and anywhere on the stack below `kTop`.
uint64_t OrdinaryData(uint64_t address);

/// `count` different frames, addresses from `first` on. `seed` decides their sizes.
std::vector<Frame> DistinctFrames(uint64_t count, uint64_t first, uint64_t seed = 1);

}  // namespace profd::bpf_host
