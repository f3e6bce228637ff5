// A process's memory as the unwinder sees it: ranges whose words are computed when they are read, so that a stack of
// ten million frames takes no space. Counts what is read. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

namespace profd::bpf_host {

class FakeMemory {
 public:
  using Words = std::function<uint64_t(uint64_t address)>;

  /// [low, high) is readable; `words` gives the word at each multiple of 8. Ranges do not overlap.
  void Map(uint64_t low, uint64_t high, Words words);
  /// [low, high) is unreadable, whatever is mapped there.
  void Hole(uint64_t low, uint64_t high) { holes_[low] = high; }
  /// One word that is other than its range says.
  void Set(uint64_t address, uint64_t word) { changed_[address] = word; }

  /// All or nothing, as in the kernel: false, and zeros in `to`, when any byte cannot be read.
  bool Read(void* to, uint32_t size, uint64_t from);
  void CountStep() { ++steps_; }

  uint64_t reads() const { return reads_; }
  uint64_t read_bytes() const { return read_bytes_; }
  uint64_t steps() const { return steps_; }

  /// While it lives, this is the memory that the unwinder reads.
  class InUse {
   public:
    explicit InUse(FakeMemory& memory);
    ~InUse();
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
  };

 private:
  struct Range {
    uint64_t high;
    Words words;
  };

  bool Readable(uint64_t low, uint64_t high) const;
  uint64_t Word(uint64_t address) const;

  std::map<uint64_t, Range> ranges_;
  std::map<uint64_t, uint64_t> holes_;
  std::map<uint64_t, uint64_t> changed_;
  uint64_t reads_ = 0, read_bytes_ = 0, steps_ = 0;
};

}  // namespace profd::bpf_host
