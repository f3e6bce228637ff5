#include "probes/probe_keeper.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>

#include "fake_probes.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kPatience = 10s;

bool Eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

class ProbeKeeperTest : public ::testing::Test {
 protected:
  void Start(bool enabled = true) {
    keeper = std::make_unique<ProbeKeeper>(
        &attacher, [this](const ProcessId&) { return std::optional(std::chrono::nanoseconds(cpu_ns.load())); }, 0.01,
        enabled, &clock,
        [this](const ProbedBinary& binary) {
          std::lock_guard lock(mutex);
          told.push_back(binary.path);
        });
  }
  std::vector<std::string> Told() {
    std::lock_guard lock(mutex);
    return told;
  }
  /// It waits for the kernel, in the attachment of binary 1.
  void StartBlocked() {
    Start();
    attacher.Block(true);
    keeper->Consider(file.Binary(1));
    ASSERT_TRUE(Eventually([this] { return !attacher.log().empty(); }));
  }

  FakeAttacher attacher;
  SystemClock clock;
  BinaryFile file;
  std::atomic<int64_t> cpu_ns{0};
  std::mutex mutex;
  std::vector<std::string> told;
  std::unique_ptr<ProbeKeeper> keeper;
};

TEST_F(ProbeKeeperTest, ArmsSoonAndTellsOnce) {
  Start();
  keeper->Consider(file.Binary());
  keeper->Consider(file.Binary());
  keeper->Consider(file.Binary(2));
  EXPECT_TRUE(Eventually([this] { return keeper->List().size() == 2; }));
  EXPECT_THAT(Told(), ElementsAre("/bin/go1", "/bin/go2"));
  EXPECT_THAT(attacher.attached(), SizeIs(2));
}

TEST_F(ProbeKeeperTest, StartsOffIfAskedTo) {
  Start(false);
  EXPECT_FALSE(keeper->enabled());
  keeper->Consider(file.Binary());
  EXPECT_TRUE(Eventually([this] { return keeper->List().size() == 1; }));
  EXPECT_THAT(attacher.attached(), IsEmpty());
  keeper->SetEnabled(true);
  EXPECT_TRUE(keeper->enabled());
  EXPECT_THAT(attacher.attached(), SizeIs(1)) << "it is so when it returns";
  keeper->SetEnabled(false);
  EXPECT_THAT(attacher.attached(), IsEmpty());
}

TEST_F(ProbeKeeperTest, NobodyWaitsForTheKernel) {
  StartBlocked();
  auto others = std::async(std::launch::async, [this] {
    keeper->Consider(file.Binary(2));
    keeper->OnCost({.process = {.tgid = 1, .exec_id = 1}, .binary = 0, .hits = 1});
    (void)keeper->List();
  });
  const bool done = others.wait_for(kPatience) == std::future_status::ready;
  attacher.Block(false);
  EXPECT_TRUE(done);
}

TEST_F(ProbeKeeperTest, OffComesBeforeWhatWaits) {
  StartBlocked();
  for (uint64_t number = 2; number <= 20; ++number) keeper->Consider(file.Binary(number));
  auto off = std::async(std::launch::async, [this] { keeper->SetEnabled(false); });
  ASSERT_TRUE(Eventually([this] { return !keeper->enabled(); }));
  attacher.Block(false);
  off.get();
  EXPECT_THAT(attacher.log(), ElementsAre("attach 0", "detach 0"));
  EXPECT_TRUE(Eventually([this] { return keeper->List().size() == 20; }));
  EXPECT_THAT(attacher.attached(), IsEmpty());
}

TEST_F(ProbeKeeperTest, WhatWaitsIsBounded) {
  StartBlocked();
  for (uint64_t number = 2; number <= 1500; ++number) keeper->Consider(file.Binary(number));
  attacher.Block(false);
  keeper->SetEnabled(true);
  EXPECT_TRUE(Eventually([this] { return Told().size() == 256; })) << "as many as may have probes";
  EXPECT_THAT(keeper->List(), SizeIs(256));
}

TEST_F(ProbeKeeperTest, SettlesDebtsByItself) {
  Start();
  keeper->Consider(file.Binary());
  keeper->OnCost({.process = {.tgid = 1, .exec_id = 1}, .binary = 0, .hits = 100'000});
  const auto has_growth_probe = [this] {
    const auto attached = attacher.attached();
    return attached.contains(0) && attached.at(0).with_growth;
  };
  EXPECT_TRUE(Eventually([&] { return attacher.log().size() == 2 && !has_growth_probe(); }));
  cpu_ns = std::chrono::nanoseconds(1h).count();
  EXPECT_TRUE(Eventually(has_growth_probe));
}

TEST_F(ProbeKeeperTest, ItsEndDetachesEverything) {
  Start();
  keeper->Consider(file.Binary());
  ASSERT_TRUE(Eventually([this] { return attacher.attached().size() == 1; }));
  keeper.reset();
  EXPECT_THAT(attacher.attached(), IsEmpty());
}

}  // namespace
}  // namespace profd
