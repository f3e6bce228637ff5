// go_callers PID SECONDS [LIBRARY]: samples a Go process (or one with a library written in Go) with the sampler's own
// code and judges each sample's callers by a walk that uses no frame pointer: from the leaf on, Go's table says of each
// instruction where the return address is (pcsp). Prints a JSON object: {"samples", "judged", "right",
// "right_by_frame_pointer", "five_right", "wrong": {leaf: count}}.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "elf/object.h"
#include "go_callers.h"
#include "go_callers.skel.h"
#include "kernel/perf_event.h"
#include "kernel/raw_records.h"
#include "pipeline/go_leaf.h"

namespace profd {
namespace {

constexpr uint64_t kPeriodNs = 1'000'000;
constexpr size_t kCompared = 5;  // callers

struct TextMapping {
  uint64_t start = 0, end = 0, offset = 0;
};

/// The executable mapping of that file.
TextMapping FindText(int pid, const std::string& file) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  for (std::string line; std::getline(maps, line);) {
    TextMapping mapping;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %lx", &mapping.start, &mapping.end, mode, &mapping.offset) == 4 &&
        mode[2] == 'x' && line.ends_with(file)) {
      return mapping;
    }
  }
  return {};
}

class Judge {
 public:
  Judge(elf::Object* object, TextMapping text) : object_(object), text_(text) {}

  void Take(const judged_sample& sample) {
    ++samples_;
    if (sample.in_kernel || !InText(sample.ip)) return;
    const std::vector<uint64_t> truth = Walk(sample);
    if (truth.empty()) return;
    const std::vector<uint64_t> pure(sample.frames + 1, sample.frames + sample.record.frame_count);
    const std::vector<uint64_t> ours = Ours(sample);
    ++judged_;
    right_by_frame_pointer_ += StartsWith(pure, truth, 1);
    five_right_ += StartsWith(ours, truth, kCompared);
    if (StartsWith(ours, truth, 1)) {
      ++right_;
    } else {
      ++wrong_[Name(sample.ip)];
    }
  }

  nlohmann::json Verdict() const {
    return {{"samples", samples_},       {"judged", judged_},
            {"right", right_},           {"right_by_frame_pointer", right_by_frame_pointer_},
            {"five_right", five_right_}, {"wrong", wrong_}};
  }

 private:
  bool InText(uint64_t address) const { return address >= text_.start && address < text_.end; }
  uint64_t OffsetOf(uint64_t address) const { return address - text_.start + text_.offset; }

  std::string Name(uint64_t address) const {
    const auto lines = object_->Resolve(OffsetOf(address));
    return lines.ok() && !lines->empty() ? lines->back().system_name : "?";
  }

  /// Return addresses, as far as the copy of the stack and the table go; at most kCompared.
  std::vector<uint64_t> Walk(const judged_sample& sample) const {
    std::vector<uint64_t> callers;
    uint64_t at = 0, position = OffsetOf(sample.ip);
    while (callers.size() < kCompared) {
      const auto delta = object_->StackDelta(position);
      if (!delta || at + *delta + 8 > sample.stack_bytes) break;
      uint64_t address;
      std::memcpy(&address, sample.stack + at + *delta, sizeof(address));
      if (!InText(address)) break;
      callers.push_back(address);
      at += *delta + 8;
      position = OffsetOf(address) - 1;
    }
    return callers;
  }

  std::vector<uint64_t> Ours(const judged_sample& sample) const {
    auto stack = DecodeStack(&sample.record, sizeof(sample.record) + sample.record.frame_count * 8);
    if (!stack.ok()) return {};
    ResolvedStack resolved{.stack = *std::move(stack)};
    resolved.addresses.resize(resolved.stack.frames.size());
    resolved.leaf_callers.resize(resolved.stack.leaf_callers.size());
    if (const auto delta = object_->StackDelta(OffsetOf(sample.ip))) InsertSkippedCaller(resolved, *delta);
    return {resolved.stack.frames.begin() + 1, resolved.stack.frames.end()};
  }

  static bool StartsWith(const std::vector<uint64_t>& ours, const std::vector<uint64_t>& truth, size_t count) {
    count = std::min(count, truth.size());
    return ours.size() >= count &&
           std::equal(truth.begin(), truth.begin() + static_cast<ptrdiff_t>(count), ours.begin());
  }

  elf::Object* const object_;
  const TextMapping text_;
  uint64_t samples_ = 0, judged_ = 0, right_ = 0, right_by_frame_pointer_ = 0, five_right_ = 0;
  std::map<std::string, uint64_t> wrong_;
};

int Fail(std::string_view why) {
  std::fprintf(stderr, "go_callers: %s\n", std::string(why).c_str());
  return 1;
}

profd_go_process ToKernel(const elf::GoRuntime& go, const TextMapping& text) {
  const elf::GoOffsets& offsets = go.offsets;
  const uint64_t low = text.start + go.text_offset - text.offset;
  return {.text_lo = low,
          .text_hi = low + go.text_size,
          .tls_g_offset = go.tls->offset,
          .tls_slot = go.tls->slot ? low + static_cast<uint64_t>(*go.tls->slot) : 0,
          .g_stack_lo = offsets.g_stack_lo,
          .g_stack_hi = offsets.g_stack_hi,
          .g_m = offsets.g_m,
          .g_sched_sp = offsets.g_sched_sp,
          .g_sched_pc = offsets.g_sched_pc,
          .g_sched_bp = offsets.g_sched_bp,
          .g_goid = offsets.g_goid,
          .m_g0 = offsets.m_g0,
          .m_curg = offsets.m_curg,
          .m_gsignal = offsets.m_gsignal,
          .m_vdso_sp = offsets.m_vdso_sp};
}

int Run(int pid, double seconds, std::string file) {
  std::error_code error;
  if (file.empty()) file = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), error);
  auto object = elf::OpenElf(UniqueFd(open(file.c_str(), O_RDONLY | O_CLOEXEC)));
  if (!object.ok()) return Fail(object.status().ToString());
  const auto go = (*object)->AskGo();
  if (!go.ok() || !go->tls || go->text_size == 0) return Fail("no Go program whose goroutines can be found");
  const TextMapping text = FindText(pid, file);
  if (text.end == 0) return Fail("the program's text is not mapped");

  std::unique_ptr<go_callers, void (*)(go_callers*)> skeleton(go_callers__open(), go_callers__destroy);
  if (!skeleton) return Fail("opening the BPF object");
  skeleton->rodata->target_tgid = static_cast<__u32>(pid);
  skeleton->rodata->target_go = ToKernel(*go, text);
  if (go_callers__load(skeleton.get())) return Fail("loading the BPF object");

  Judge judge(object->get(), text);
  const auto take = [](void* context, void* data, size_t size) {
    if (size >= sizeof(judged_sample)) static_cast<Judge*>(context)->Take(*static_cast<const judged_sample*>(data));
    return 0;
  };
  std::unique_ptr<ring_buffer, void (*)(ring_buffer*)> ring(
      ring_buffer__new(bpf_map__fd(skeleton->maps.samples), take, &judge, nullptr), ring_buffer__free);
  if (!ring) return Fail("mapping the ring");
  const auto cpus = OnlineCpus();
  if (!cpus.ok()) return Fail(cpus.status().ToString());
  std::vector<UniqueFd> ticks;
  for (const int cpu : *cpus) {
    auto tick = OpenTick(cpu, kPeriodNs, false, 1000);
    if (!tick.ok() || ioctl(tick->get(), PERF_EVENT_IOC_SET_BPF, bpf_program__fd(skeleton->progs.judge)) ||
        ioctl(tick->get(), PERF_EVENT_IOC_ENABLE, 0)) {
      return Fail("starting the ticks");
    }
    ticks.push_back(*std::move(tick));
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) ring_buffer__poll(ring.get(), 50);
  ticks.clear();
  ring_buffer__consume(ring.get());
  std::printf("%s\n", judge.Verdict().dump().c_str());
  return 0;
}

}  // namespace
}  // namespace profd

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: go_callers PID SECONDS [LIBRARY]\n");
    return 2;
  }
  return profd::Run(std::atoi(argv[1]), std::atof(argv[2]), argc > 3 ? argv[3] : "");
}
