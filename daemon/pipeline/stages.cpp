#include "pipeline/stages.h"

namespace profd {

size_t RawBatch::ApproximateBytes() const {
  size_t bytes = sizeof(*this) + mappings.size() * 128 + processes.size() * sizeof(ProcessEvent);
  for (const RawStack& stack : stacks) bytes += sizeof(stack) + stack.frames.size() * 8;
  bytes += labels.size() * 1024;
  if (interval) bytes += interval->counts.size() * 160 + interval->usage.size() * sizeof(TaskUsage);
  return bytes;
}

size_t ResolvedBatch::ApproximateBytes() const {
  size_t bytes = sizeof(*this);
  for (const ResolvedStack& stack : stacks)
    bytes += sizeof(stack) + (stack.addresses.size() + stack.leaf_callers.size()) * (8 + sizeof(ResolvedAddress));
  bytes += labels.size() * 1024;
  if (interval) bytes += interval->raw.counts.size() * 160 + interval->usage.size() * sizeof(ProcessUsage);
  return bytes;
}

}  // namespace profd
