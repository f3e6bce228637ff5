// What the process table keeps of one program in one process. Internal to process/.
#pragma once

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "process/mapping_set.h"
#include "process/process_table.h"

namespace profd {

inline constexpr std::chrono::seconds kFirstReadInterval{1};
inline constexpr std::chrono::seconds kLongestReadInterval{300};

/// When /proc may be read again: an interval that doubles as long as reading brings nothing new.
class ReadSchedule {
 public:
  bool Due(BootTime now) const { return now >= last_ + std::max(interval_, cost_ * 100); }
  /// `cost` is what the reading took: no process may keep profd busy by having a very long list.
  void Done(BootTime now, BootTime cost) {
    interval_ =
        last_ == BootTime::min() / 2 ? kFirstReadInterval : std::min<BootTime>(interval_ * 2, kLongestReadInterval);
    last_ = now;
    cost_ = cost;
  }
  void Helped() { interval_ = kFirstReadInterval; }

 private:
  BootTime last_ = BootTime::min() / 2;  // never
  BootTime interval_ = kFirstReadInterval;
  BootTime cost_{0};
};

struct ProcessEntry {
  ProcessId id;
  ProcessDetails details;

  /// Whom it forked from or which program it replaced; asked when /proc no longer tells.
  std::optional<ProcessId> origin;
  bool same_image_as_origin = false;  ///< forked and nothing since

  std::shared_ptr<MappingSet> maps;  ///< null: none known. Shared with forked children until one of them changes it.
  bool maps_complete = false;        ///< events told all since the address space began, or /proc was read
  bool maps_full = false;            ///< a mapping found no room, old ones may be stale
  ReadSchedule maps_schedule;
  std::shared_ptr<const MappedFile> executable_file;  ///< once found

  BootTime image_begin{0};  ///< mappings from then on are its own
  BootTime exec_time{0};    ///< 0: no exec event seen
  BootTime end{0};
  bool details_read = false;
  ReadSchedule details_schedule;

  std::list<ProcessEntry*>::iterator position;  ///< in the list of the living or of the ended
};

/// The mappings of a program whose exec event is still to come.
struct PendingImage {
  BootTime begin{0};
  std::shared_ptr<MappingSet> maps;
};

/// All entries of one tgid, oldest first. Only the last can be alive.
struct TgidState {
  std::vector<ProcessEntry*> generations;
  std::optional<PendingImage> pending;
};

}  // namespace profd
