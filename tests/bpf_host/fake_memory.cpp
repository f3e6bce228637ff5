#include "fake_memory.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "unwind_host.h"

namespace profd::bpf_host {
namespace {
FakeMemory* in_use = nullptr;
}  // namespace

FakeMemory::InUse::InUse(FakeMemory& memory) { in_use = &memory; }
FakeMemory::InUse::~InUse() { in_use = nullptr; }

void FakeMemory::Map(uint64_t low, uint64_t high, Words words) { ranges_[low] = {high, std::move(words)}; }

bool FakeMemory::Readable(uint64_t low, uint64_t high) const {
  if (high < low) return false;
  for (const auto& [hole_low, hole_high] : holes_) {
    if (low < hole_high && hole_low < high) return false;
  }
  while (low < high) {
    auto range = ranges_.upper_bound(low);
    if (range == ranges_.begin() || (--range)->second.high <= low) return false;
    low = range->second.high;
  }
  return true;
}

uint64_t FakeMemory::Word(uint64_t address) const {
  if (auto changed = changed_.find(address); changed != changed_.end()) return changed->second;
  return std::prev(ranges_.upper_bound(address))->second.words(address);
}

bool FakeMemory::Read(void* to, uint32_t size, uint64_t from) {
  ++reads_;
  if (!Readable(from, from + size)) {
    memset(to, 0, size);
    return false;
  }
  read_bytes_ += size;
  for (uint64_t at = from; at < from + size;) {
    const uint64_t word = Word(at & ~7ull);
    const uint64_t skip = at & 7, length = std::min<uint64_t>(8 - skip, from + size - at);
    memcpy(static_cast<char*>(to) + (at - from), reinterpret_cast<const char*>(&word) + skip, length);
    at += length;
  }
  return true;
}

}  // namespace profd::bpf_host

extern "C" long profd_host_read_user(void* to, __u32 size, __u64 from) {
  return profd::bpf_host::in_use->Read(to, size, from) ? 0 : -14;
}

extern "C" void profd_host_count_step() { profd::bpf_host::in_use->CountStep(); }
