#include "stack.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <utility>

namespace profd::bpf_host {
namespace {
constexpr uint64_t kLeafBytes = 64;  // from sp to the first record
constexpr uint64_t kPage = 4096;
}  // namespace

uint64_t OrdinaryData(uint64_t address) {
  const uint64_t noise = (address >> 3) * 0x9e3779b97f4a7c15;
  const uint64_t value = noise ^ (noise >> 31);
  switch (value % 8) {
    case 0: return 0x40'0000 + value % 0x10'0000;
    case 1: return 0xc0'0000'0000 + (value >> 16) % 0x1000'0000 * 8;
    case 2: return Stack::kTop - (value >> 16) % 0x10'0000 * 8;
    case 3: return value;
    case 4: return value % 100;
    default: return 0;
  }
}

std::vector<Frame> DistinctFrames(uint64_t count, uint64_t first, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Frame> frames;
  for (uint64_t i = 0; i < count; ++i) frames.push_back({first + i * 0x30, 32 + random() % 20 * 8});
  return frames;
}

Stack& Stack::Frames(std::vector<Frame> frames) {
  std::reverse(frames.begin(), frames.end());
  const uint64_t count = frames.size();
  return Add(std::move(frames), count);
}

Stack& Stack::Cycle(const std::vector<Frame>& cycle, uint64_t count) {
  std::vector<Frame> leaf_first;
  for (size_t i = 0; i < cycle.size(); ++i) {
    leaf_first.push_back(cycle[(count - 1 + cycle.size() * 2 - i) % cycle.size()]);
  }
  return Add(std::move(leaf_first), count);
}

Stack& Stack::Add(std::vector<Frame> leaf_first, uint64_t count) {
  if (count == 0) return *this;
  Part part{.cycle = std::move(leaf_first), .count = count};
  for (const Frame& frame : part.cycle) {
    part.offsets.push_back(part.cycle_bytes);
    part.cycle_bytes += frame.bytes;
  }
  const uint64_t rest = count % part.cycle.size();
  part.bytes = count / part.cycle.size() * part.cycle_bytes + (rest ? part.offsets[rest] : 0);
  for (Part& above : parts_) {
    above.first_record += count;
    above.first_byte += part.bytes;
  }
  records_ += count;
  bytes_ += part.bytes;
  parts_.insert(parts_.begin(), std::move(part));
  return *this;
}

Stack& Stack::DataAbove(uint64_t bytes) {
  data_above_ = bytes;
  return *this;
}

Stack& Stack::RootLink(uint64_t saved_fp) {
  root_link_ = saved_fp;
  return *this;
}

Stack& Stack::MovedFrom(uint64_t frame, uint64_t missing) {
  moved_from_ = frame - 1;
  missing_ = missing;
  return *this;
}

Stack& Stack::Filler(FakeMemory::Words words) {
  filler_ = std::move(words);
  return *this;
}

// The root's own frame lies above its record, up to the data.
uint64_t Stack::FirstRecord() const { return kTop - data_above_ - bytes_; }

const Stack::Part& Stack::PartOfRecord(uint64_t record) const {
  auto after = std::upper_bound(parts_.begin(), parts_.end(), record,
                                [](uint64_t value, const Part& part) { return value < part.first_record; });
  return *std::prev(after);
}

uint64_t Stack::Address(uint64_t frame) const {
  if (frame == 0) return kLeafAddress;
  const Part& part = PartOfRecord(frame - 1);
  return part.cycle[(frame - 1 - part.first_record) % part.cycle.size()].return_address;
}

uint64_t Stack::OffsetOf(uint64_t record) const {
  const Part& part = PartOfRecord(record);
  const uint64_t in_part = record - part.first_record;
  return part.first_byte + in_part / part.cycle.size() * part.cycle_bytes + part.offsets[in_part % part.cycle.size()];
}

uint64_t Stack::Link(uint64_t record, uint64_t bytes_to_next, uint64_t address) const {
  if (record == records_ - 1) return root_link_;
  return address + bytes_to_next - (record >= moved_from_ ? missing_ : 0);
}

uint64_t Stack::Word(uint64_t address) const {
  const uint64_t at = address - FirstRecord();
  if (address >= FirstRecord() && at < bytes_) {
    auto after = std::upper_bound(parts_.begin(), parts_.end(), at,
                                  [](uint64_t value, const Part& part) { return value < part.first_byte; });
    const Part& part = *std::prev(after);
    const uint64_t cycle = (at - part.first_byte) / part.cycle_bytes;
    const uint64_t in_cycle = (at - part.first_byte) % part.cycle_bytes;
    const size_t index =
        std::upper_bound(part.offsets.begin(), part.offsets.end(), in_cycle) - part.offsets.begin() - 1;
    const uint64_t in_frame = in_cycle - part.offsets[index];
    const Frame& frame = part.cycle[index];
    if (in_frame == 8) return frame.return_address;
    if (in_frame == 0) return Link(part.first_record + cycle * part.cycle.size() + index, frame.bytes, address);
  }
  return filler_ ? filler_(address) : OrdinaryData(address);
}

void Stack::MapInto(FakeMemory& memory) const {
  const uint64_t low = (FirstRecord() - kLeafBytes) & ~(kPage - 1);
  memory.Map(low, kTop, [this](uint64_t address) { return Word(address); });
}

host_thread Stack::Thread(Bounds bounds) const {
  host_thread thread{};
  thread.ip = kLeafAddress;
  thread.bp = FirstRecord();
  thread.sp = thread.bp - kLeafBytes;
  if (bounds != Bounds::kUnknown) {
    thread.stack_lo = (thread.sp - 0x10000) & ~(kPage - 1);
    thread.stack_hi = kTop;
  }
  thread.bounds_are_late = bounds == Bounds::kLate;
  thread.moving = missing_ != 0;
  return thread;
}

}  // namespace profd::bpf_host
