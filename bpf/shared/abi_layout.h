// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// What abi.h's structs look like in memory, checked by every compiler that sees them: the kernel's side and profd's
// read the same bytes only while all of this holds. Included at the end of abi.h; map_abi.h checks its own.
#pragma once

#ifdef __cplusplus
#define PROFD_ASSERT(condition, text) static_assert(condition, text)
#else
#define PROFD_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define PROFD_SIZE(type, bytes) PROFD_ASSERT(sizeof(struct type) == (bytes), "size of " #type)
#define PROFD_FIELD(type, field, offset, bytes)                                                                   \
  PROFD_ASSERT(__builtin_offsetof(struct type, field) == (offset) && sizeof(((struct type*)0)->field) == (bytes), \
               #type "." #field)

PROFD_SIZE(profd_process_id, 16);
PROFD_FIELD(profd_process_id, start_time_ns, 0, 8);
PROFD_FIELD(profd_process_id, tgid, 8, 4);
PROFD_FIELD(profd_process_id, exec_id, 12, 4);

// Keys are hashed as bytes: padding that the compiler puts in would be garbage in them.
PROFD_SIZE(profd_count_key, 56);
PROFD_FIELD(profd_count_key, process, 0, 16);
PROFD_FIELD(profd_count_key, user_hash, 16, 8);
PROFD_FIELD(profd_count_key, kernel_hash, 24, 8);
PROFD_FIELD(profd_count_key, goroutine, 32, 8);
PROFD_FIELD(profd_count_key, labels, 40, 8);
PROFD_FIELD(profd_count_key, tid, 48, 4);
PROFD_FIELD(profd_count_key, pad, 52, 4);

PROFD_SIZE(profd_count, 72);
PROFD_FIELD(profd_count, ticks, 0, 8);
PROFD_FIELD(profd_count, last_seen_ns, 8, 8);
PROFD_FIELD(profd_count, stack_bytes, 16, 8);
PROFD_FIELD(profd_count, repeats, 24, 8 * PROFD_MAX_FOLDS);
PROFD_FIELD(profd_count, comm, 56, PROFD_COMM_BYTES);

PROFD_SIZE(profd_fold, 8);
PROFD_FIELD(profd_fold, first, 0, 2);
PROFD_FIELD(profd_fold, length, 2, 2);
PROFD_FIELD(profd_fold, estimated, 4, 4);

PROFD_SIZE(profd_record_header, 16);
PROFD_FIELD(profd_record_header, kind, 0, 4);
PROFD_FIELD(profd_record_header, generation, 4, 4);
PROFD_FIELD(profd_record_header, time_ns, 8, 8);

PROFD_SIZE(profd_stack_record, 160);
PROFD_FIELD(profd_stack_record, header, 0, 16);
PROFD_FIELD(profd_stack_record, process, 16, 16);
PROFD_FIELD(profd_stack_record, hash, 32, 8);
PROFD_FIELD(profd_stack_record, frame_count, 40, 2);
PROFD_FIELD(profd_stack_record, fold_count, 42, 2);
PROFD_FIELD(profd_stack_record, flags, 44, 4);
PROFD_FIELD(profd_stack_record, folds, 48, 8 * PROFD_MAX_FOLDS);
PROFD_FIELD(profd_stack_record, leaf_frame, 80, 4);
PROFD_FIELD(profd_stack_record, leaf_count, 84, 2);
PROFD_FIELD(profd_stack_record, leaf_index, 86, 2);
PROFD_FIELD(profd_stack_record, leaf_callers, 88, 64);
PROFD_FIELD(profd_stack_record, leaf_at, 152, 8);

PROFD_SIZE(profd_label, 96);
PROFD_FIELD(profd_label, key, 0, PROFD_LABEL_KEY_BYTES);
PROFD_FIELD(profd_label, value, 32, PROFD_LABEL_VALUE_BYTES);

PROFD_SIZE(profd_labels_record, 800);
PROFD_FIELD(profd_labels_record, header, 0, 16);
PROFD_FIELD(profd_labels_record, hash, 16, 8);
PROFD_FIELD(profd_labels_record, count, 24, 8);
PROFD_FIELD(profd_labels_record, labels, 32, 96 * PROFD_MAX_LABELS);

PROFD_SIZE(profd_process_record, 88);
PROFD_FIELD(profd_process_record, header, 0, 16);
PROFD_FIELD(profd_process_record, process, 16, 16);
PROFD_FIELD(profd_process_record, parent_tgid, 32, 4);
PROFD_FIELD(profd_process_record, tid, 36, 4);
PROFD_FIELD(profd_process_record, exit_code, 40, 4);
PROFD_FIELD(profd_process_record, cpu_ns, 48, 8);
PROFD_FIELD(profd_process_record, leader_cpu_ns, 56, 8);
PROFD_FIELD(profd_process_record, dead_cpu_ns, 64, 8);
PROFD_FIELD(profd_process_record, comm, 72, PROFD_COMM_BYTES);

PROFD_SIZE(profd_task_record, 48);
PROFD_FIELD(profd_task_record, process, 0, 16);
PROFD_FIELD(profd_task_record, tid, 16, 4);
PROFD_FIELD(profd_task_record, kernel_thread, 20, 4);
PROFD_FIELD(profd_task_record, cpu_ns, 24, 8);
PROFD_FIELD(profd_task_record, comm, 32, PROFD_COMM_BYTES);

PROFD_SIZE(profd_go_process, 96);
PROFD_FIELD(profd_go_process, text_lo, 0, 8);
PROFD_FIELD(profd_go_process, text_hi, 8, 8);
PROFD_FIELD(profd_go_process, tls_g_offset, 16, 8);
PROFD_FIELD(profd_go_process, tls_slot, 24, 8);
PROFD_FIELD(profd_go_process, g_stack_lo, 32, 4);
PROFD_FIELD(profd_go_process, g_stack_hi, 36, 4);
PROFD_FIELD(profd_go_process, g_m, 40, 4);
PROFD_FIELD(profd_go_process, g_sched_sp, 44, 4);
PROFD_FIELD(profd_go_process, g_sched_pc, 48, 4);
PROFD_FIELD(profd_go_process, g_sched_bp, 52, 4);
PROFD_FIELD(profd_go_process, g_goid, 56, 4);
PROFD_FIELD(profd_go_process, m_g0, 60, 4);
PROFD_FIELD(profd_go_process, m_curg, 64, 4);
PROFD_FIELD(profd_go_process, m_gsignal, 68, 4);
PROFD_FIELD(profd_go_process, m_vdso_sp, 72, 4);
PROFD_FIELD(profd_go_process, g_labels, 76, 4);
PROFD_FIELD(profd_go_process, labels_are_list, 80, 4);
PROFD_FIELD(profd_go_process, pad, 84, 4);
PROFD_FIELD(profd_go_process, max_stack_at, 88, 8);

PROFD_SIZE(profd_reading_record, 320);
PROFD_FIELD(profd_reading_record, process, 16, 16);
PROFD_FIELD(profd_reading_record, tid, 32, 4);
PROFD_FIELD(profd_reading_record, trigger, 36, 4);
PROFD_FIELD(profd_reading_record, goroutine, 40, 8);
PROFD_FIELD(profd_reading_record, stack_lo, 48, 8);
PROFD_FIELD(profd_reading_record, stack_hi, 56, 8);
PROFD_FIELD(profd_reading_record, stack_bytes, 64, 8);
PROFD_FIELD(profd_reading_record, max_stack, 72, 8);
PROFD_FIELD(profd_reading_record, rlimit_stack, 80, 8);
PROFD_FIELD(profd_reading_record, main_thread_stack, 88, 4);
PROFD_FIELD(profd_reading_record, fatal, 92, 4);
PROFD_FIELD(profd_reading_record, positions_verified, 96, 4);
PROFD_FIELD(profd_reading_record, sampled_frames, 100, 4);
PROFD_FIELD(profd_reading_record, fault_at_stack_pointer, 104, 4);
PROFD_FIELD(profd_reading_record, uid, 108, 4);
PROFD_FIELD(profd_reading_record, repeats, 112, 8 * PROFD_MAX_FOLDS);
PROFD_FIELD(profd_reading_record, comm, 144, PROFD_COMM_BYTES);
PROFD_FIELD(profd_reading_record, stack, 160, 160);

PROFD_SIZE(profd_go_binary, 128);
PROFD_FIELD(profd_go_binary, go, 0, 96);
PROFD_FIELD(profd_go_binary, probe_at, 96, 8 * PROFD_SITES);

PROFD_SIZE(profd_probe_meter, 32);
PROFD_FIELD(profd_probe_meter, hits, 0, 8);
PROFD_FIELD(profd_probe_meter, program_ns, 8, 8);

PROFD_SIZE(profd_probe_cost_record, 56);
PROFD_FIELD(profd_probe_cost_record, process, 16, 16);
PROFD_FIELD(profd_probe_cost_record, binary, 32, 8);
PROFD_FIELD(profd_probe_cost_record, hits, 40, 8);
PROFD_FIELD(profd_probe_cost_record, program_ns, 48, 8);

PROFD_SIZE(profd_program_stats, 32);
PROFD_FIELD(profd_program_stats, runs, 0, 8);
PROFD_FIELD(profd_program_stats, total_ns, 8, 8);
PROFD_FIELD(profd_program_stats, recorded_runs, 16, 8);
PROFD_FIELD(profd_program_stats, recorded_ns, 24, 8);

PROFD_SIZE(profd_sampler_totals, 160);
PROFD_FIELD(profd_sampler_totals, runs, 0, 32);
PROFD_FIELD(profd_sampler_totals, outcomes, 32, 128);
