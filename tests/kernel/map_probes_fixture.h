// Calls a function as Go calls its map functions, and looks at what the probes there say.
#pragma once

#include <gmock/gmock.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "children.h"
#include "kernel/calibration.h"
#include "kernel/map_probes.h"

// Sets AX, BX, CX, DI and R14 from the five words that it gets, and calls profd's own function that begins as Go's do.
extern "C" {
void profd_test_call(const uint64_t* registers);
extern const char profd_test_caller[];
}

namespace profd {

using std::chrono::milliseconds;

inline constexpr uint32_t kGoid = 152, kStackHi = 8;
inline constexpr uint8_t kStringKind = 24, kStructKind = 25, kInterfaceKind = 20;

/// What the functions look at, as Go lays it out.
struct Memory {
  alignas(8) std::array<char, 256> key_type{}, map_type{}, map{}, g{};
  std::array<uint64_t, 2> key{};

  template <typename Value>
  static void Put(std::array<char, 256>& where, size_t offset, Value value) {
    std::memcpy(where.data() + offset, &value, sizeof(value));
  }
  void SetKeyType(uint64_t size, uint8_t kind) {
    Put(key_type, 0, size);
    Put(key_type, 23, kind);
    Put(map_type, 48, reinterpret_cast<uint64_t>(key_type.data()));
  }
};

class MapProbesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    auto holder = ProbeHolder::Start([this](const absl::Status& status) { errors_.push_back(Message(status)); });
    ASSERT_TRUE(holder.ok()) << holder.status();
    holder_ = *std::move(holder);
    auto probes = MapProbes::Create(holder_.get());
    ASSERT_TRUE(probes.ok()) << probes.status();
    probes_ = *std::move(probes);
    auto site = FindCalibrationSite();
    ASSERT_TRUE(site.ok()) << site.status();
    site_ = *std::move(site);
    memory_.Put(memory_.map, 0, uint64_t{100});
    memory_.Put(memory_.g, kGoid, uint64_t{17});
    memory_.Put(memory_.g, kStackHi, ~uint64_t{0} >> 17);
    memory_.SetKeyType(8, kStructKind);
  }

  std::array<uint64_t, 5> Registers(uint64_t key, uint64_t key_length = 0) {
    return {Address(memory_.map_type), Address(memory_.map), key, key_length, Address(memory_.g)};
  }
  static uint64_t Address(const auto& object) { return reinterpret_cast<uint64_t>(&object); }

  MapWindowSpec Spec(const ProcessId& process, MapFunction::Key key) {
    MapWindowSpec spec{.process = process, .number = 42, .fd = site_.file.get(), .most_hits = 20};
    spec.sites = {{.offset = site_.offset, .function = 9, .key = key}};
    spec.g_goid = kGoid;
    spec.g_stack_hi = kStackHi;
    return spec;
  }

  void TearDown() override { EXPECT_THAT(errors_, testing::SizeIs(expected_errors_)); }

  /// What a window sees of a child that calls without end.
  std::vector<MapHit> Watch(const std::array<uint64_t, 5>& registers, MapFunction::Key key, bool key_text = false,
                            bool swiss = false) {
    const Child child([&registers] { CallWithoutEnd(registers); }, 1 << 20);
    MapWindowSpec spec = Spec(IdOf(child.pid()), key);
    spec.key_text = key_text;
    spec.swiss = swiss;
    const absl::Status opened = probes_->Open(3, spec);
    EXPECT_TRUE(opened.ok()) << opened;
    probes_->SetArmed(3, true);
    std::this_thread::sleep_for(milliseconds(100));
    count_ = probes_->Close(3);
    std::vector<MapHit> hits;
    probes_->Read(hits);
    return hits;
  }
  static void CallWithoutEnd(const std::array<uint64_t, 5>& registers) {
    while (true) profd_test_call(registers.data());
  }

  /// That calls: not its first one.
  static uint32_t ThreadOf(const Child& child) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(child.pid()) + "/task")) {
      const auto tid = static_cast<uint32_t>(std::stoul(task.path().filename()));
      if (tid != child.pid()) return tid;
    }
    return 0;
  }

  std::vector<std::string> errors_;  // of the holder
  size_t expected_errors_ = 0;
  std::unique_ptr<ProbeHolder> holder_;
  std::unique_ptr<MapProbes> probes_;
  CalibrationSite site_;
  Memory memory_;
  MapWindowCount count_;
};

}  // namespace profd
