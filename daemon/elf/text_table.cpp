#include "elf/text_table.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "elf/bytes.h"

namespace profd::elf {
namespace {

constexpr size_t kMaxEntries = size_t{2} << 20;
constexpr size_t kMaxFile = size_t{64} << 20;
constexpr size_t kMaxLine = size_t{64} << 10;
constexpr size_t kChunk = size_t{256} << 10;
// Entries may overlap; so many starts before the address are tried.
constexpr int kMaxOverlaps = 64;

}  // namespace

absl::Status TextTable::Add(uint64_t start, uint64_t size, std::string_view name, uint32_t rank) {
  if (entries_.size() >= kMaxEntries) {
    return Error(absl::StatusCode::kInvalidArgument, "more than {} symbols", kMaxEntries);
  }
  name = name.substr(0, kMaxName);
  entries_.push_back({start, size, static_cast<uint32_t>(names_.size()), static_cast<uint32_t>(name.size()), rank});
  names_.append(name);
  return absl::OkStatus();
}

void TextTable::Finish() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    if (a.start != b.start) return a.start < b.start;
    return a.rank != b.rank ? a.rank < b.rank : a.name > b.name;
  });
}

void TextTable::EndEachAtTheNext(uint64_t max_size) {
  size_t kept = 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const bool last = i + 1 == entries_.size();
    if (!last && entries_[i + 1].start == entries_[i].start) continue;
    Entry entry = entries_[i];
    entry.size = last ? max_size : std::min(max_size, entries_[i + 1].start - entry.start);
    entries_[kept++] = entry;
  }
  entries_.resize(kept);
}

std::optional<std::string_view> TextTable::Find(uint64_t address) const {
  auto after = std::upper_bound(entries_.begin(), entries_.end(), address,
                                [](uint64_t wanted, const Entry& entry) { return wanted < entry.start; });
  const Entry* best = nullptr;
  for (int tries = 0; tries < kMaxOverlaps && after != entries_.begin(); ++tries) {
    --after;
    if (address - after->start >= after->size) continue;
    if (best == nullptr || after->rank > best->rank) best = &*after;
  }
  if (best == nullptr) return std::nullopt;
  return std::string_view(names_).substr(best->name, best->name_size);
}

absl::Status ForEachLine(int fd, const std::function<absl::Status(std::string_view)>& line) {
  std::string buffer;
  bool skipping = false;  // inside a line that is too long
  for (off_t offset = 0;;) {
    const size_t kept = buffer.size();
    buffer.resize(kept + kChunk);
    const ssize_t got = pread(fd, buffer.data() + kept, kChunk, offset);
    if (got < 0) {
      if (errno != EINTR) return Error(absl::StatusCode::kInvalidArgument, "cannot read it: {}", ErrnoText(errno));
      buffer.resize(kept);
      continue;
    }
    if (got == 0) return absl::OkStatus();
    offset += got;
    if (static_cast<size_t>(offset) > kMaxFile) {
      return Error(absl::StatusCode::kInvalidArgument, "larger than {} bytes", kMaxFile);
    }
    buffer.resize(kept + static_cast<size_t>(got));
    size_t start = 0;
    for (size_t end = buffer.find('\n', kept); end != std::string::npos; end = buffer.find('\n', start)) {
      if (!skipping && end - start <= kMaxLine)
        RETURN_IF_ERROR(line(std::string_view(buffer).substr(start, end - start)));
      skipping = false;
      start = end + 1;
    }
    buffer.erase(0, start);
    if (buffer.size() > kMaxLine) {
      buffer.clear();
      skipping = true;
    }
  }
}

std::optional<uint64_t> TakeHex(std::string_view& text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return value;
}

}  // namespace profd::elf
