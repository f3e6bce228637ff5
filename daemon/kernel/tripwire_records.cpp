// The tripwires' records, decoded.
#include <linux/types.h>

#include <algorithm>
#include <cstring>

#include "kernel/to_kernel.h"
#include "kernel/tripwires.h"
#include "shared/abi.h"

namespace profd {
namespace {

template <typename Record>
std::optional<Record> Take(const void* data, size_t size) {
  Record record;
  if (size < sizeof(record)) return std::nullopt;
  std::memcpy(&record, data, sizeof(record));
  return record;
}

RecursionTrigger TriggerOf(uint32_t trigger) {
  switch (trigger) {
    case PROFD_TRIGGER_STACK_GROWTH: return RecursionTrigger::kStackGrowth;
    case PROFD_TRIGGER_FATAL_ERROR: return RecursionTrigger::kFatalError;
    case PROFD_TRIGGER_FATAL_SIGNAL: return RecursionTrigger::kFatalSignal;
    default: return RecursionTrigger::kSample;
  }
}

bool DecodeReading(const void* data, size_t size, TripwireRecords& out) {
  constexpr size_t kHead = offsetof(profd_reading_record, stack);
  const auto record = Take<profd_reading_record>(data, size);
  if (!record) return false;
  auto stack = DecodeStack(static_cast<const char*>(data) + kHead, size - kHead);
  if (!stack.ok()) return false;
  StackReading reading{.process = ToProcessId(record->process),
                       .tid = record->tid,
                       .uid = record->uid,
                       .thread_name = DecodeComm(record->comm),
                       .trigger = TriggerOf(record->trigger),
                       .time = BootTime(record->header.time_ns),
                       .goroutine = record->goroutine,
                       .stack_lo = record->stack_lo,
                       .stack_hi = record->stack_hi,
                       .stack_bytes = record->stack_bytes,
                       .max_stack = record->max_stack,
                       .rlimit_stack = record->rlimit_stack,
                       .main_thread_stack = record->main_thread_stack != 0,
                       .fatal = record->fatal != 0,
                       .fault_at_stack_pointer = record->fault_at_stack_pointer != 0,
                       .positions_verified = record->positions_verified,
                       .sampled_frames = record->sampled_frames,
                       .stack = *std::move(stack)};
  for (size_t i = 0; i < reading.stack.folds.size(); ++i) {
    reading.stack.folds[i].repeats = std::max<uint64_t>(reading.stack.folds[i].repeats + record->repeats[i], 1);
  }
  out.readings.push_back(std::move(reading));
  return true;
}

}  // namespace

bool DecodeTripwireRecord(const void* data, size_t size, TripwireRecords& out) {
  const auto header = Take<profd_record_header>(data, size);
  if (!header) return false;
  switch (header->kind) {
    case PROFD_RECORD_READING: return DecodeReading(data, size, out);
    case PROFD_RECORD_EXIT:
      if (auto event = DecodeProcessEvent(data, size); event.ok()) {
        out.exits.push_back({.event = *std::move(event), .after = out.readings.size()});
        return true;
      }
      return false;
    case PROFD_RECORD_OOM_KILL:
      if (const auto record = Take<profd_process_record>(data, size)) {
        out.oom_kills.push_back(
            {.process = ToProcessId(record->process), .tid = record->tid, .time = BootTime(record->header.time_ns)});
        return true;
      }
      return false;
    case PROFD_RECORD_PROBE_COST:
      if (const auto record = Take<profd_probe_cost_record>(data, size)) {
        out.costs.push_back({.process = ToProcessId(record->process),
                             .binary = static_cast<uint32_t>(record->binary),
                             .hits = record->hits,
                             .program = std::chrono::nanoseconds(record->program_ns)});
        return true;
      }
      return false;
    default: return false;
  }
}

}  // namespace profd
