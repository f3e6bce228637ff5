#include "kernel/raw_records.h"

#include <linux/types.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "kernel/to_kernel.h"
#include "shared/abi.h"

namespace profd {
std::string DecodeComm(const uint8_t* comm) {
  const char* text = reinterpret_cast<const char*>(comm);
  return std::string(text, strnlen(text, PROFD_COMM_BYTES));
}

void AbsorbWholeCycles(std::vector<uint64_t>& frames, std::vector<Fold>& folds) {
  for (size_t i = 0; i < folds.size(); ++i) {
    Fold& fold = folds[i];
    if (fold.estimated) continue;
    const size_t next_fold = i + 1 < folds.size() ? folds[i + 1].first : frames.size();
    const auto cycle = frames.begin() + fold.first;
    size_t absorbed = 0;
    while (fold.first + fold.length + absorbed + fold.length <= next_fold &&
           std::equal(cycle, cycle + fold.length, cycle + fold.length + absorbed)) {
      absorbed += fold.length;
      ++fold.repeats;
    }
    frames.erase(cycle + fold.length, cycle + fold.length + absorbed);
    for (size_t later = i + 1; later < folds.size(); ++later) folds[later].first -= absorbed;
  }
}

absl::StatusOr<RawStack> DecodeStack(const void* data, size_t size) {
  profd_stack_record record;
  if (size < sizeof(record)) return Error(absl::StatusCode::kInvalidArgument, "stack record of {} bytes", size);
  std::memcpy(&record, data, sizeof(record));
  if (size < sizeof(record) + record.frame_count * sizeof(uint64_t) || record.fold_count > PROFD_MAX_FOLDS) {
    return Error(absl::StatusCode::kInvalidArgument, "stack record of {} bytes says {} frames, {} folds", size,
                 +record.frame_count, +record.fold_count);
  }
  RawStack stack;
  stack.kernel = record.header.kind == PROFD_RECORD_KERNEL_STACK;
  stack.generation = record.header.generation;
  stack.time = BootTime(record.header.time_ns);
  if (!stack.kernel) stack.process = ToProcessId(record.process);
  stack.hash = record.hash;
  stack.frames.resize(record.frame_count);
  std::memcpy(stack.frames.data(), static_cast<const char*>(data) + sizeof(record),
              record.frame_count * sizeof(uint64_t));
  // A kernel stack's record keeps no folds.
  const size_t folds = stack.kernel ? 0 : record.fold_count;
  for (size_t i = 0; i < folds; ++i) {
    const profd_fold& fold = record.folds[i];
    if (fold.length == 0 || fold.first + fold.length > record.frame_count) continue;
    stack.folds.push_back({.first = fold.first, .length = fold.length, .repeats = 0, .estimated = fold.estimated != 0});
  }
  AbsorbWholeCycles(stack.frames, stack.folds);
  for (uint32_t i = 0; !stack.kernel && i < std::min<uint32_t>(record.leaf_count, PROFD_MAX_LEAF_CALLERS); ++i) {
    stack.leaf_callers.push_back({.above = record.leaf_at[i] * 8u, .address = record.leaf_callers[i]});
  }
  if (record.leaf_frame != PROFD_NO_LEAF_FRAME) stack.leaf_frame = record.leaf_frame;
  if (record.leaf_index < stack.frames.size()) stack.leaf_index = record.leaf_index;
  stack.truncated = record.flags & PROFD_STACK_TRUNCATED;
  stack.no_frame_pointer = record.flags & PROFD_STACK_NO_FRAME_POINTER;
  stack.read_failed = record.flags & PROFD_STACK_READ_FAILED;
  return stack;
}

std::optional<RawLabels> DecodeLabels(const void* data, size_t size) {
  static_assert(kOtherLabels == PROFD_LABELS_OTHER);
  profd_labels_record record;
  if (size < sizeof(record)) return std::nullopt;
  std::memcpy(&record, data, sizeof(record));
  if (record.header.kind != PROFD_RECORD_LABELS) return std::nullopt;
  RawLabels labels{.generation = record.header.generation, .hash = record.hash};
  const auto text = [](const __u8* bytes, size_t room) {
    const char* begin = reinterpret_cast<const char*>(bytes);
    return std::string(begin, strnlen(begin, room));
  };
  for (size_t i = 0; i < std::min<uint64_t>(record.count, PROFD_MAX_LABELS); ++i) {
    labels.labels.emplace_back(text(record.labels[i].key, PROFD_LABEL_KEY_BYTES),
                               text(record.labels[i].value, PROFD_LABEL_VALUE_BYTES));
  }
  std::ranges::sort(labels.labels);
  return labels;
}

absl::StatusOr<ProcessEvent> DecodeProcessEvent(const void* data, size_t size) {
  profd_process_record record;
  if (size < sizeof(record)) return Error(absl::StatusCode::kInvalidArgument, "process record of {} bytes", size);
  std::memcpy(&record, data, sizeof(record));
  ProcessEvent event;
  switch (record.header.kind) {
    case PROFD_RECORD_EXEC: event.kind = ProcessEvent::Kind::kExec; break;
    case PROFD_RECORD_FORK: event.kind = ProcessEvent::Kind::kFork; break;
    case PROFD_RECORD_EXIT: event.kind = ProcessEvent::Kind::kExit; break;
    case PROFD_RECORD_THREAD_EXIT: event.kind = ProcessEvent::Kind::kThreadExit; break;
    default: return Error(absl::StatusCode::kInvalidArgument, "process record of kind {}", record.header.kind);
  }
  event.time = BootTime(record.header.time_ns);
  event.process = ToProcessId(record.process);
  event.parent_tgid = record.parent_tgid;
  event.tid = record.tid;
  event.exit_code = record.exit_code;
  event.cpu = std::chrono::nanoseconds(record.cpu_ns);
  event.leader_cpu = std::chrono::nanoseconds(record.leader_cpu_ns);
  event.dead_cpu = std::chrono::nanoseconds(record.dead_cpu_ns);
  event.comm = DecodeComm(record.comm);
  return event;
}

std::vector<TaskUsage> DecodeTasks(const void* data, size_t size) {
  std::map<ProcessId, TaskUsage> processes;
  for (size_t at = 0; at + sizeof(profd_task_record) <= size; at += sizeof(profd_task_record)) {
    profd_task_record record;
    std::memcpy(&record, static_cast<const char*>(data) + at, sizeof(record));
    if (record.kernel_thread) continue;
    const ProcessId id = ToProcessId(record.process);
    TaskUsage& usage = processes[id];
    usage.process = id;
    usage.cpu += std::chrono::nanoseconds(record.cpu_ns);
    if (usage.comm.empty()) usage.comm = DecodeComm(record.comm);
  }
  std::vector<TaskUsage> all;
  all.reserve(processes.size());
  for (auto& [id, usage] : processes) all.push_back(std::move(usage));
  return all;
}

}  // namespace profd
