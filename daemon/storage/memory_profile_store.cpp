#include <algorithm>
#include <deque>
#include <mutex>

#include "storage/profile_store.h"

namespace profd {
namespace {

WallTime Midpoint(const Segment& segment) { return segment.start + (segment.end - segment.start) / 2; }

/// About what a segment takes: its texts and tables.
uint64_t SizeOf(const Segment& segment) {
  uint64_t bytes = sizeof(Segment) + segment.profile.size() + segment.usage.size() * sizeof(ProcessUsage);
  for (const ProcessUsage& usage : segment.usage) {
    const ContainerLabels& container = usage.process.container;
    bytes += usage.process.command.size() + container.name.size() + container.id.size() + container.pod.size() +
             container.name_space.size();
  }
  for (const auto& [outcome, count] : segment.outcomes) bytes += outcome.size() + sizeof(count) + sizeof(outcome);
  return bytes;
}

class MemoryProfileStore final : public ProfileStore {
 public:
  MemoryProfileStore(uint64_t max_bytes, std::chrono::nanoseconds max_age) : max_bytes_(max_bytes), max_age_(max_age) {}

  absl::Status Append(Segment segment) override {
    if (segment.end <= segment.start)
      return absl::InvalidArgumentError("profile store: a segment ends before it starts");
    const uint64_t size = SizeOf(segment);
    auto shared = std::make_shared<const Segment>(std::move(segment));
    std::lock_guard lock(mutex_);
    const auto after =
        std::upper_bound(segments_.begin(), segments_.end(), Midpoint(*shared),
                         [](WallTime midpoint, const Entry& entry) { return midpoint < Midpoint(*entry.segment); });
    segments_.insert(after, {std::move(shared), size});
    bytes_ += size;
    DropOld();
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::shared_ptr<const Segment>>> Query(WallTime since, WallTime until) const override {
    std::vector<std::shared_ptr<const Segment>> found;
    std::lock_guard lock(mutex_);
    for (const Entry& entry : segments_) {
      const WallTime midpoint = Midpoint(*entry.segment);
      if (midpoint >= since && midpoint < until) found.push_back(entry.segment);
    }
    return found;
  }

  uint64_t bytes() const override {
    std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  struct Entry {
    std::shared_ptr<const Segment> segment;
    uint64_t bytes = 0;
  };

  /// The age counts from the newest segment: it needs no clock, and history survives a pause. The newest itself stays,
  /// whatever its size: somebody may have asked for it.
  void DropOld() {
    const WallTime newest = segments_.back().segment->end;
    while (segments_.size() > 1 && (bytes_ > max_bytes_ || newest - segments_.front().segment->end > max_age_)) {
      bytes_ -= segments_.front().bytes;
      segments_.pop_front();
    }
  }

  const uint64_t max_bytes_;
  const std::chrono::nanoseconds max_age_;
  mutable std::mutex mutex_;
  std::deque<Entry> segments_;  ///< by midpoint
  uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<ProfileStore> MakeMemoryProfileStore(uint64_t max_bytes, std::chrono::nanoseconds max_age) {
  return std::make_unique<MemoryProfileStore>(max_bytes, max_age);
}

}  // namespace profd
