// profd's values in the kernel side's form, and back.
#pragma once

#include <linux/types.h>

#include "kernel/raw_records.h"
#include "shared/abi.h"
#include "worker/object_analyzer.h"

namespace profd {

inline profd_process_id ToKernel(const ProcessId& id) {
  return {.start_time_ns = id.start_time_ns, .tgid = id.tgid, .exec_id = id.exec_id};
}

inline ProcessId ToProcessId(const profd_process_id& id) {
  return {.tgid = id.tgid, .exec_id = id.exec_id, .start_time_ns = id.start_time_ns};
}

/// `text`: where Go's functions are.
inline profd_go_process ToKernel(const GoFacts& facts, const AddressRange& text) {
  return {.text_lo = text.low,
          .text_hi = text.high,
          .tls_g_offset = facts.tls_g_offset,
          .tls_slot = facts.tls_slot ? text.low + static_cast<uint64_t>(*facts.tls_slot) : 0,
          .g_stack_lo = facts.g_stack_lo,
          .g_stack_hi = facts.g_stack_hi,
          .g_m = facts.g_m,
          .g_sched_sp = facts.g_sched_sp,
          .g_sched_pc = facts.g_sched_pc,
          .g_sched_bp = facts.g_sched_bp,
          .g_goid = facts.g_goid,
          .m_g0 = facts.m_g0,
          .m_curg = facts.m_curg,
          .m_gsignal = facts.m_gsignal,
          .m_vdso_sp = facts.m_vdso_sp,
          .g_labels = facts.g_labels,
          .labels_are_list = facts.labels_are_list,
          .max_stack_at = facts.max_stack ? text.low + static_cast<uint64_t>(*facts.max_stack) : 0};
}

}  // namespace profd
