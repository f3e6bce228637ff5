// The sampler in the real kernel, against programs that know what is true: children of this test, forked.
#include "kernel/sampler.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "children.h"
#include "kernel/features.h"

namespace profd {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::Ge;
using testing::SizeIs;

// Code to be sampled. Built with frame pointers and without tail calls (see CMakeLists.txt).
volatile bool never = false;

[[gnu::noinline]] void SpinForever() {
  while (!never) {}
  asm volatile("");
}

[[gnu::noinline]] int Recurse(uint64_t more) {
  if (more == 0) {
    SpinForever();
    return 1;
  }
  return Recurse(more - 1) + 1;
}

[[gnu::noinline]] int CycleA(uint64_t more);
[[gnu::noinline]] int CycleC(uint64_t more) {
  volatile char wide[200] = {1};
  return CycleA(more - 1) + wide[0];
}
[[gnu::noinline]] int CycleB(uint64_t more) { return CycleC(more) + 1; }
int CycleA(uint64_t more) {
  if (more == 0) {
    SpinForever();
    return 1;
  }
  return CycleB(more) + 1;
}

[[gnu::noinline]] void ReadZeroes() {
  static char buffer[1 << 20];
  const int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  while (!never && read(fd, buffer, sizeof(buffer)) > 0) {}
}

struct Sampled {
  RawInterval interval;
  std::vector<RawStack> stacks;

  const RawStack* Find(uint64_t hash) const {
    for (const RawStack& stack : stacks) {
      if (stack.hash == hash) return &stack;
    }
    return nullptr;
  }
  std::vector<RawCount> CountsOf(uint32_t pid) const {
    std::vector<RawCount> counts;
    for (const RawCount& count : interval.counts) {
      if (count.process.tgid == pid) counts.push_back(count);
    }
    return counts;
  }
};

class SamplerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto sampler = Sampler::Create({.sample_hz = 199});
    ASSERT_TRUE(sampler.ok()) << sampler.status();
    sampler_ = *std::move(sampler);
    ASSERT_TRUE(sampler_->Start().ok());
  }

  /// What happens in the next `time`.
  Sampled Sample(milliseconds time) {
    EXPECT_TRUE(sampler_->Flip().ok());
    Sampled sampled;
    std::this_thread::sleep_for(time);
    auto interval = sampler_->Flip();
    EXPECT_TRUE(interval.ok()) << interval.status();
    if (interval.ok()) sampled.interval = *std::move(interval);
    std::vector<RawLabels> labels;
    sampler_->ReadStacks(sampled.stacks, labels);
    return sampled;
  }

  std::unique_ptr<Sampler> sampler_;
};

// The frames and repeats of each sample that hit the bottom of a recursion.
struct FoldSeen {
  uint64_t length, repeats;
  bool estimated;
  bool operator==(const FoldSeen&) const = default;
};

std::vector<FoldSeen> FoldsOf(const Sampled& sampled, uint32_t pid) {
  std::vector<FoldSeen> folds;
  for (const RawCount& count : sampled.CountsOf(pid)) {
    const RawStack* stack = sampled.Find(count.user_hash);
    if (!stack) continue;
    for (size_t i = 0; i < stack->folds.size(); ++i) {
      const uint64_t repeats = (i < count.repeats.size() ? count.repeats[i] : 0) + stack->folds[i].repeats;
      folds.push_back({stack->folds[i].length, repeats, stack->folds[i].estimated});
    }
  }
  return folds;
}

TEST_F(SamplerTest, DepthOfAMillionFramesIsExact) {
  constexpr uint64_t kDepth = 1'000'000;
  Child child([] { Recurse(kDepth); }, 256 << 20);
  std::this_thread::sleep_for(milliseconds(600));
  const Sampled sampled = Sample(milliseconds(500));
  ASSERT_THAT(sampled.CountsOf(child.pid()), SizeIs(Ge(1)));
  EXPECT_THAT(FoldsOf(sampled, child.pid()), Contains(FoldSeen{1, kDepth, false}));
}

TEST_F(SamplerTest, CycleOfThreeFunctionsIsFoldedAsOne) {
  constexpr uint64_t kCycles = 100'000;
  Child child([] { CycleA(kCycles); }, 256 << 20);
  std::this_thread::sleep_for(milliseconds(300));
  const Sampled sampled = Sample(milliseconds(500));
  EXPECT_THAT(FoldsOf(sampled, child.pid()), Contains(FoldSeen{3, kCycles, false}));
}

TEST_F(SamplerTest, TickInTheKernelKeepsTheUserStack) {
  Child child([] { ReadZeroes(); }, 1 << 20);
  std::this_thread::sleep_for(milliseconds(100));
  const Sampled sampled = Sample(milliseconds(500));
  uint64_t in_kernel = 0, with_user = 0;
  for (const RawCount& count : sampled.CountsOf(child.pid())) {
    if (!count.kernel_hash) continue;
    in_kernel += count.ticks;
    const RawStack* user = sampled.Find(count.user_hash);
    if (user && user->frames.size() >= 2) with_user += count.ticks;
    ASSERT_NE(sampled.Find(count.kernel_hash), nullptr);
  }
  EXPECT_GE(in_kernel, 20u);
  EXPECT_EQ(with_user, in_kernel);
}

TEST_F(SamplerTest, EveryTickEndsInExactlyOneOutcome) {
  Child busy([] { SpinForever(); }, 1 << 20);
  std::this_thread::sleep_for(milliseconds(1500));
  for (const CpuTicks& cpu : sampler_->TicksByCpu()) {
    uint64_t sum = 0;
    for (const auto& [outcome, count] : cpu.outcomes) sum += count;
    EXPECT_GE(sum, 199u) << "CPU " << cpu.cpu;
  }
}

TEST_F(SamplerTest, AStackIsSentOnlyWithTheFirstTickOfEachCount) {
  Child child([] { SpinForever(); }, 1 << 20);
  const Sampled sampled = Sample(milliseconds(500));
  std::map<uint64_t, int> sent, counted;
  for (const RawStack& stack : sampled.stacks) {
    const bool in_interval = stack.generation == sampled.interval.generation;
    if (!stack.kernel && in_interval && stack.process.tgid == child.pid()) ++sent[stack.hash];
  }
  uint64_t ticks = 0;
  for (const RawCount& count : sampled.CountsOf(child.pid())) {
    ++counted[count.user_hash];
    ticks += count.ticks;
  }
  EXPECT_GE(ticks, 20u);
  EXPECT_EQ(sent, counted);
}

TEST_F(SamplerTest, ForgottenProcessesLeaveNothingBehind) {
  ASSERT_TRUE(sampler_->SetGoProcess({.tgid = 1, .exec_id = 2, .start_time_ns = 3}, {}, {}).ok());
  sampler_->Forget({.tgid = 1, .exec_id = 2, .start_time_ns = 3});
  for (const MapFill& fill : sampler_->MapFills()) EXPECT_EQ(fill.entries, 0u) << fill.name;
}

TEST(CheckKernel, NamesARemedyForEverythingThatIsMissing) {
  for (const Check& check : CheckKernel()) {
    EXPECT_FALSE(check.name.empty());
    if (check.required) {
      EXPECT_TRUE(check.ok) << check.name << ": " << check.detail;
    }
    if (!check.ok) {
      EXPECT_FALSE(check.remedy.empty()) << check.name;
    }
  }
}

}  // namespace
}  // namespace profd
