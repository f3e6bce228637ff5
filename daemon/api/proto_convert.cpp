#include "api/proto_convert.h"

#include "base/utf8.h"
#include "profile/sample_outcome.h"

namespace profd {
namespace {

using std::chrono::nanoseconds;
constexpr int64_t kNanos = 1'000'000'000;
constexpr int64_t kMaxSeconds = 9'000'000'000;  // as nanoseconds it fits into 64 bits

template <typename Message>
absl::StatusOr<nanoseconds> Nanoseconds(const Message& message, std::string_view what) {
  const int64_t seconds = message.seconds();
  const int64_t nanos = message.nanos();
  if (seconds < 0 || seconds > kMaxSeconds || nanos < 0 || nanos >= kNanos) {
    return Error(absl::StatusCode::kInvalidArgument, "{}: {} s and {} ns is out of range", what, seconds, nanos);
  }
  return nanoseconds(seconds * kNanos + nanos);
}

}  // namespace

void ToProto(nanoseconds length, google::protobuf::Duration& message) {
  message.set_seconds(length.count() / kNanos);
  message.set_nanos(static_cast<int32_t>(length.count() % kNanos));
}

Selector FromProto(const v1::Selector& message) {
  return {.pid = message.pid(),
          .ns_pid = message.ns_pid(),
          .command = message.command(),
          .pod = message.pod(),
          .container = message.container(),
          .name_space = message.name_space()};
}

absl::StatusOr<Window> FromProto(const v1::Window& message) {
  Window window;
  switch (message.kind_case()) {
    case v1::Window::kNext: {
      window.kind = Window::Kind::kNext;
      ASSIGN_OR_RETURN(window.length, Nanoseconds(message.next(), "next"));
      break;
    }
    case v1::Window::kLast: {
      ASSIGN_OR_RETURN(window.length, Nanoseconds(message.last(), "last"));
      break;
    }
    case v1::Window::kRange: {
      window.kind = Window::Kind::kRange;
      ASSIGN_OR_RETURN(const nanoseconds since, Nanoseconds(message.range().since(), "since"));
      ASSIGN_OR_RETURN(const nanoseconds until, Nanoseconds(message.range().until(), "until"));
      window.since = WallTime(since);
      window.until = WallTime(until);
      break;
    }
    case v1::Window::KIND_NOT_SET: break;
  }
  return window;
}

void ToProto(WallTime time, google::protobuf::Timestamp& message) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  message.set_seconds(seconds.time_since_epoch().count());
  message.set_nanos(static_cast<int32_t>((time - seconds).count()));
}

void ToProto(const ContainerLabels& labels, v1::Container& message) {
  message.set_name(ToUtf8(labels.name));
  message.set_id(ToUtf8(labels.id));
  message.set_pod(ToUtf8(labels.pod));
  message.set_name_space(ToUtf8(labels.name_space));
}

void ToProto(const ProcessListEntry& entry, const Clock& clock, v1::ProcessInfo& message) {
  const Process& process = entry.process;
  message.set_pid(process.pid);
  message.set_command(ToUtf8(process.command));
  if (process.start_time_ns != 0) {
    ToProto(clock.ToWall(BootTime(static_cast<int64_t>(process.start_time_ns))), *message.mutable_start_time());
  }
  if (process.container != ContainerLabels()) ToProto(process.container, *message.mutable_container());
  message.set_runtime(ToUtf8(entry.runtime));
  message.set_symbols(ToUtf8(entry.symbols));
  message.set_executable(ToUtf8(entry.executable));
  for (const uint32_t pid : entry.ns_pids) message.add_ns_pids(pid);
}

void ToProto(const WindowData& window, v1::WindowInfo& message) {
  ToProto(window.start, *message.mutable_start());
  ToProto(window.end, *message.mutable_end());
  ToProto(window.period, *message.mutable_period());
  for (const auto& [outcome, count] : window.outcomes) (*message.mutable_outcomes())[ToUtf8(outcome)] = count;
}

void ToProto(const ProcessRow& row, const Clock& clock, v1::ProcessRow& message) {
  ToProto(row.info, clock, *message.mutable_process());
  message.set_cpu_percent(row.cpu_percent);
  message.set_samples(row.samples);
  message.set_deepest_frames(row.deepest_frames);
  message.set_deepest_estimated(row.deepest_estimated);
  message.set_deepest_stack_bytes(row.deepest_stack_bytes);
  message.set_exited(row.exited);
  message.set_state(ToWord(row.state));
}

void ToProto(const FunctionShare& function, v1::FunctionRow& message) {
  message.set_name(ToUtf8(function.name));
  message.set_file(ToUtf8(function.file));
  message.set_line(function.line);
  message.set_flat(function.flat);
  message.set_cum(function.cum);
  message.set_max_repeats(function.max_repeats);
  message.set_max_repeats_estimated(function.estimated);
}

namespace {

void AddOutcomes(const OutcomeCounts& counts, v1::GetStatusResponse& message) {
  for (const OutcomeInfo& info : kOutcomes) {
    v1::OutcomeCount& outcome = *message.add_outcomes();
    const auto count = counts.find(info.label);
    outcome.set_outcome(info.label);
    outcome.set_kind(Name(info.kind));
    outcome.set_explanation(info.explanation);
    outcome.set_count(count == counts.end() ? 0 : count->second);
  }
}

void AddKernelSide(const DaemonStatus& status, v1::GetStatusResponse& message) {
  for (const ProgramStatus& program : status.programs) {
    v1::BpfProgram& out = *message.add_programs();
    out.set_name(program.name);
    out.set_runs(program.runs);
    out.set_mean_ns(program.mean_ns);
    out.set_verified_instructions(program.verified_instructions);
    out.set_recorded_mean_ns(program.recorded_mean_ns);
  }
  for (const MapStatus& map : status.maps) {
    v1::BpfMap& out = *message.add_maps();
    out.set_name(map.name);
    out.set_entries(map.entries);
    out.set_max_entries(map.max_entries);
  }
}

void AddLosses(const DaemonStatus& status, v1::GetStatusResponse& message) {
  message.set_probes_on(status.probes_on);
  message.set_probe_mechanism(status.probe_mechanism);
  ToProto(status.probe_trap_cost, *message.mutable_probe_trap_cost());
  if (!status.map_windows.mechanism.empty()) {
    v1::MapWindows& out = *message.mutable_map_windows();
    out.mutable_windows()->insert(status.map_windows.windows.begin(), status.map_windows.windows.end());
    out.set_failed(status.map_windows.failed);
    out.set_hits(status.map_windows.hits);
    ToProto(status.map_windows.cost, *out.mutable_cost());
    ToProto(status.map_windows.worst, *out.mutable_worst());
    ToProto(status.map_windows.budget, *out.mutable_budget());
    out.set_mechanism(status.map_windows.mechanism);
    ToProto(status.map_windows.trap_cost, *out.mutable_trap_cost());
    if (status.map_windows.breakpoint_cost) {
      ToProto(*status.map_windows.breakpoint_cost, *out.mutable_breakpoint_cost());
    }
    for (const MapPlacementStatus& placement : status.map_windows.placements) {
      v1::MapPlacement& one = *out.add_placements();
      one.set_path(ToUtf8(placement.path));
      one.set_at_entry(placement.at_entry);
      one.set_behind_entry(placement.behind_entry);
      one.set_refused(placement.refused);
    }
  }
  for (const ProbeStatus& probe : status.probes) {
    v1::ProbedBinary& out = *message.add_probes();
    out.set_path(ToUtf8(probe.path));
    out.set_go_version(ToUtf8(probe.version));
    out.set_state(ToUtf8(probe.state));
    out.set_hits(probe.hits);
    ToProto(probe.cost, *out.mutable_cost());
  }
  for (const LossStatus& loss : status.losses) {
    v1::Loss& out = *message.add_losses();
    out.set_name(loss.name);
    out.set_explanation(loss.explanation);
    out.set_count(loss.count);
  }
}

void AddQueuesAndChecks(const DaemonStatus& status, v1::GetStatusResponse& message) {
  for (const QueueStatus& queue : status.queues) {
    v1::QueueStatus& out = *message.add_queues();
    out.set_name(queue.name);
    out.set_size(queue.size);
    out.set_dropped(queue.dropped);
  }
  for (const Check& check : status.checks) {
    v1::Check& out = *message.add_checks();
    out.set_name(ToUtf8(check.name));
    out.set_ok(check.ok);
    out.set_required(check.required);
    out.set_detail(ToUtf8(check.detail));
    out.set_remedy(ToUtf8(check.remedy));
  }
  for (const auto& [result, count] : status.analyses) {
    v1::Counter& out = *message.add_analyses();
    out.set_name(ToUtf8(result));
    out.set_count(count);
  }
}

}  // namespace

void ToProto(const DaemonStatus& status, v1::GetStatusResponse& message) {
  message.set_version(status.version);
  ToProto(status.start_time, *message.mutable_start_time());
  ToProto(status.uptime, *message.mutable_uptime());
  message.set_sample_hz(status.sample_hz);
  message.set_cpus(status.cpus);
  AddOutcomes(status.outcomes, message);
  AddKernelSide(status, message);
  AddQueuesAndChecks(status, message);
  AddLosses(status, message);
  ToProto(status.cpu, *message.mutable_cpu());
  ToProto(status.workers_cpu, *message.mutable_workers_cpu());
  ToProto(status.cpu_until_ready, *message.mutable_cpu_until_ready());
  message.set_rss_bytes(status.rss_bytes);
  message.set_store_bytes(status.store_bytes);
  message.set_processes(status.processes);
  message.set_http_address(status.http_address);
  message.set_http_token_file(ToUtf8(status.http_token_file));
}

}  // namespace profd
