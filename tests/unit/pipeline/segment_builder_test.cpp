#include "pipeline/segment_builder.h"

#include <gmock/gmock.h>

#include "profile/frame_name.h"
#include "profile/render.h"

namespace profd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr ProcessId kId{.tgid = 7, .exec_id = 1, .start_time_ns = 3};

SymbolizedAddress Named(uint64_t address, std::string name) {
  SymbolizedAddress symbolized;
  symbolized.address = address;
  symbolized.mapping_start = 0x1000;
  symbolized.mapping_limit = 0x9000;
  symbolized.file = "/bin/app";
  symbolized.lines.push_back({.function = name, .system_name = name});
  return symbolized;
}

/// A user stack of named frames at addresses 0x1000, 0x1001, ...; all lie in a mapping.
struct StackOf {
  explicit StackOf(std::vector<std::string> names) {
    auto file = std::make_shared<MappedFile>(MappedFile{.inode = 1, .path = "/bin/app"});
    resolved.stack.hash = 1;
    resolved.stack.process = kId;
    for (const std::string& name : names) {
      const uint64_t address = 0x1000 + resolved.stack.frames.size();
      resolved.stack.frames.push_back(address);
      resolved.addresses.push_back(
          {.address = address, .mapping_start = 0x1000, .mapping_limit = 0x9000, .file = file});
      symbolized.push_back(Named(address, name));
    }
  }
  ResolvedStack resolved;
  std::vector<SymbolizedAddress> symbolized;
};

ResolvedInterval IntervalOf(std::vector<RawCount> counts) {
  ResolvedInterval interval;
  interval.processes[kId] = {.pid = 7, .start_time_ns = 3, .exec_id = 1, .command = "app"};
  for (RawCount& count : counts) count.process = kId;
  interval.raw.counts = std::move(counts);
  return interval;
}

SegmentBuilder::Result BuildWith(SegmentBuilder& builder, std::vector<RawCount> counts) {
  return builder.Build(IntervalOf(std::move(counts)), WallTime{}, WallTime{std::chrono::seconds(1)},
                       std::chrono::milliseconds(50));
}

TEST(SegmentBuilder, KernelFramesStandOnTheLeafSideOfTheUsers) {
  SegmentBuilder builder;
  StackOf user({"read", "main"});
  builder.AddUserStack(user.resolved, user.symbolized);
  RawStack kernel{.kernel = true, .hash = 2, .frames = {1}};
  SymbolizedAddress vfs = Named(1, "vfs_read");
  vfs.file = "[kernel]";
  builder.AddKernelStack(kernel, std::vector{vfs});
  auto result = BuildWith(builder, {{.tid = 7, .user_hash = 1, .kernel_hash = 2, .ticks = 5}});
  EXPECT_THAT(RenderFolded(result.profile), HasSubstr("main;read;vfs_read_[k] 5"));
}

TEST(SegmentBuilder, RepeatsComeFromTheCountAndTheBody) {
  SegmentBuilder builder;
  StackOf user({"leaf", "f", "main"});
  user.resolved.stack.folds = {{.first = 1, .length = 1, .repeats = 2}};
  builder.AddUserStack(user.resolved, user.symbolized);
  auto result = BuildWith(builder, {{.tid = 7, .user_hash = 1, .ticks = 1, .repeats = {1000}}});
  ASSERT_EQ(result.profile.samples.size(), 1u);
  EXPECT_EQ(result.profile.samples[0].stack.Depth(), 1004u);
  EXPECT_THAT(result.usage, ElementsAre(testing::Field(&ProcessUsage::deepest_frames, 1004u)));
}

TEST(SegmentBuilder, SamplesInMapFunctionsAreCounted) {
  for (const auto& [names, in_map] : std::vector<std::pair<std::vector<std::string>, bool>>{
           {{"runtime.mapaccess1_faststr", "main.Get", "main.main"}, true},
           {{"aeshashbody", "runtime.strhash", "runtime.mapassign_faststr", "main.main"}, true},
           {{"internal/runtime/maps.(*Map).getWithoutKey", "main.main"}, true},
           {{"main.Get", "main.main"}, false},
           {{"main.a", "main.b", "main.c", "runtime.mapaccess1"}, false}}) {
    SegmentBuilder builder;
    StackOf user(names);
    builder.AddUserStack(user.resolved, user.symbolized);
    const auto result = BuildWith(builder, {{.tid = 7, .user_hash = 1, .ticks = 5}});
    EXPECT_THAT(result.usage, ElementsAre(testing::Field(&ProcessUsage::map_samples, in_map ? 5u : 0u))) << names[0];
  }
}

TEST(SegmentBuilder, AGoroutineBeginsWithTheFunctionItWasStartedWith) {
  SegmentBuilder builder;
  StackOf user({"main.leaf", "main.work", "main.main.gowrap1", "runtime.goexit"});
  user.symbolized[2].lines[0].wrapper = true;
  builder.AddUserStack(user.resolved, user.symbolized);
  EXPECT_EQ(RenderFolded(BuildWith(builder, {{.tid = 7, .user_hash = 1, .ticks = 1}}).profile),
            "main.work;main.leaf 1\n");
}

TEST(SegmentBuilder, WrappersAreNoPartOfACycle) {
  SegmentBuilder builder;
  StackOf user({"leaf", "main.wrapper", "main.Get", "main.wrapper", "main.main"});
  for (size_t i : {1, 3}) user.symbolized[i].lines[0].wrapper = true;
  user.resolved.stack.folds = {{.first = 1, .length = 2, .repeats = 0}};
  builder.AddUserStack(user.resolved, user.symbolized);
  auto result = BuildWith(builder, {{.tid = 7, .user_hash = 1, .ticks = 1, .repeats = {100}}});
  ASSERT_EQ(result.profile.samples.size(), 1u);
  EXPECT_THAT(result.profile.samples[0].stack.folds, ElementsAre(Fold{.first = 1, .length = 1, .repeats = 100}));
  EXPECT_EQ(result.profile.samples[0].stack.Depth(), 102u);
}

TEST(SegmentBuilder, AWrapperThatIsTheLeafIsShown) {
  SegmentBuilder builder;
  StackOf user({"main.wrapper", "main.main"});
  user.symbolized[0].lines[0].wrapper = true;
  builder.AddUserStack(user.resolved, user.symbolized);
  EXPECT_EQ(RenderFolded(BuildWith(builder, {{.tid = 7, .user_hash = 1, .ticks = 1}}).profile),
            "main.main;main.wrapper 1\n");
}

TEST(SegmentBuilder, LabelsAreThoseOfTheirHashAndNeverAreLostSilently) {
  SegmentBuilder builder;
  StackOf user({"main"});
  builder.AddUserStack(user.resolved, user.symbolized);
  builder.AddLabels({.hash = 77, .labels = {{"tenant", "acme"}}});
  auto result = BuildWith(builder, {{.tid = 7, .labels = 77, .user_hash = 1, .ticks = 1},
                                    {.tid = 7, .labels = kOtherLabels, .user_hash = 1, .ticks = 2},
                                    {.tid = 7, .user_hash = 1, .ticks = 4}});
  std::map<uint64_t, GoLabels> by_count;
  for (const Sample& sample : result.profile.samples) by_count[sample.count] = sample.labels;
  EXPECT_EQ(by_count,
            (std::map<uint64_t, GoLabels>{{1, {{"tenant", "acme"}}}, {2, {{"labels", "[too many]"}}}, {4, {}}}));
}

TEST(SegmentBuilder, TicksWhoseStackNeverCameAreUnknown) {
  SegmentBuilder builder;
  auto result = BuildWith(builder, {{.tid = 7, .user_hash = 99, .ticks = 4}});
  EXPECT_EQ(result.unknown_ticks, 4u);
  EXPECT_TRUE(result.profile.samples.empty());
}

TEST(SegmentBuilder, ReturnAddressOutsideExecutableMappingsEndsTheChainVisibly) {
  SegmentBuilder builder;
  StackOf user({"leaf", "caller", "nonsense", "more"});
  user.resolved.addresses[2].file = nullptr;
  user.resolved.stack.folds = {{.first = 2, .length = 1, .repeats = 0}};
  builder.AddUserStack(user.resolved, user.symbolized);
  auto result = BuildWith(builder, {{.tid = 7, .user_hash = 1, .ticks = 1, .repeats = {50}}});
  EXPECT_THAT(RenderFolded(result.profile), HasSubstr("[no frame pointer];caller;leaf 1"));
}

TEST(SegmentBuilder, AProcessWithNoKnownMappingKeepsItsFrames) {
  SegmentBuilder builder;
  StackOf user({"leaf", "caller"});
  for (auto& address : user.resolved.addresses) address.file = nullptr;
  builder.AddUserStack(user.resolved, user.symbolized);
  auto result = BuildWith(builder, {{.tid = 7, .user_hash = 1, .ticks = 1}});
  EXPECT_EQ(result.profile.samples[0].stack.locations.size(), 2u);
}

TEST(SegmentBuilder, ABrokenChainThatReachedTheRootIsWhole) {
  for (const char* root :
       {"_start", "start_thread", "__libc_start_main@@GLIBC_2.34", "runtime.goexit.abi0", "runtime.mstart.abi0"}) {
    SegmentBuilder builder;
    StackOf user({"main", root});
    user.resolved.stack.no_frame_pointer = true;
    builder.AddUserStack(user.resolved, user.symbolized);
    auto result = BuildWith(builder, {{.tid = 7, .user_hash = 1, .ticks = 1}});
    EXPECT_FALSE(result.profile.samples[0].stack.truncated) << root;
  }
}

TEST(SegmentBuilder, EachLossHasAMarkerOfItsOwn) {
  auto folded = [](auto set) {
    SegmentBuilder builder;
    StackOf user({"leaf", "caller"});
    set(user.resolved.stack);
    builder.AddUserStack(user.resolved, user.symbolized);
    return RenderFolded(BuildWith(builder, {{.tid = 7, .user_hash = 1, .ticks = 1}}).profile);
  };
  EXPECT_THAT(folded([](RawStack& s) { s.truncated = true; }), HasSubstr("[truncated];caller;leaf"));
  EXPECT_THAT(folded([](RawStack& s) { s.read_failed = true; }), HasSubstr("[unreadable stack];caller;leaf"));
  EXPECT_THAT(folded([](RawStack& s) { s.no_frame_pointer = true; }), HasSubstr("[no frame pointer];caller;leaf"));
}

TEST(SegmentBuilder, CpuTimeOfAProcessWithoutSamplesIsKept) {
  SegmentBuilder builder;
  ResolvedInterval interval = IntervalOf({});
  interval.usage.push_back({.process = {.pid = 9, .command = "quiet"}, .cpu = std::chrono::milliseconds(3)});
  auto result = builder.Build(interval, WallTime{}, WallTime{}, std::chrono::milliseconds(50));
  ASSERT_EQ(result.usage.size(), 1u);
  EXPECT_EQ(result.usage[0].cpu, std::chrono::milliseconds(3));
}

}  // namespace
}  // namespace profd
