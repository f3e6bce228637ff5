// Profiles for tests: written down frame by frame, or random ones.
#pragma once

#include <initializer_list>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "profile/profile.h"
#include "profile/profile_builder.h"

namespace profd::testing {

/// A sample in the making, leaf first: `StackOf({"Get", "main"}).Repeat(0, 1, 100).Ticks(3)`.
struct StackOf {
  explicit StackOf(std::vector<std::string> names) : frames(std::move(names)) {}

  StackOf& Repeat(uint32_t first, uint32_t length, uint64_t repeats, bool estimated = false) {
    folds.push_back({first, length, repeats, estimated});
    return *this;
  }
  StackOf& Ticks(uint64_t ticks) { return count = ticks, *this; }
  StackOf& In(std::string name, uint32_t id = 1) { return command = std::move(name), pid = id, *this; }
  StackOf& Thread(uint32_t id, std::string name = "") { return tid = id, thread = std::move(name), *this; }
  StackOf& Bytes(uint64_t bytes) { return stack_bytes = bytes, *this; }
  StackOf& Truncated() { return truncated = true, *this; }

  std::vector<std::string> frames;
  std::vector<Fold> folds;
  uint64_t count = 1;
  std::string command = "app";
  uint32_t pid = 1;
  uint32_t tid = 1;
  std::string thread;
  uint64_t stack_bytes = 0;
  bool truncated = false;
};

/// Frame names mean: `[k] name` a kernel function; `?0xN` an address of /usr/lib/libfoo.so without symbols; `?` one in
/// no mapping; `[name]` a marker; `inner <- outer` a call of inner inlined into outer; anything else a function of
/// /bin/app.
class ProfileText {
 public:
  ProfileText(std::initializer_list<StackOf> stacks = {}) {
    builder.SetTime(WallTime(std::chrono::seconds(1'700'000'000)), std::chrono::seconds(10),
                    std::chrono::milliseconds(50));
    for (const StackOf& stack : stacks) Add(stack);
  }

  ProfileText& Add(const StackOf& stack) {
    Sample sample{
        .tid = stack.tid, .thread_name = stack.thread, .count = stack.count, .stack_bytes = stack.stack_bytes};
    sample.process =
        builder.AddProcess({.pid = stack.pid, .start_time_ns = 77, .exec_id = 1, .command = stack.command});
    for (const std::string& frame : stack.frames) sample.stack.locations.push_back(Frame(frame));
    sample.stack.folds = stack.folds;
    sample.stack.truncated = stack.truncated;
    builder.AddSample(sample);
    return *this;
  }

  Profile Build() { return builder.Build(); }

  ProfileBuilder builder;

 private:
  uint32_t Function(const std::string& name) {
    return builder.AddFunction({.name = name, .file = name + ".go", .start_line = 7});
  }

  uint32_t Frame(const std::string& text) {
    // An address by name, so that equal names are equal frames.
    uint64_t address = 0x400000;
    for (const char c : text) address = (address * 31 + static_cast<uint8_t>(c)) % 0xfffff + 0x400000;
    if (text.starts_with("[k] ")) {
      const uint32_t kernel = builder.AddMapping({0xffffffff80000000, 0xffffffffc0000000, 0, "[kernel]", ""});
      return builder.AddLocation({kernel, address + 0xffffffff80000000, {{builder.AddFunction({text.substr(4)}), 0}}});
    }
    if (text == "?") return builder.AddLocation({});
    if (text.starts_with('?')) {
      const uint32_t library =
          builder.AddMapping({0x7f0000001000, 0x7f0000100000, 0x1000, "/usr/lib/libfoo.so", "abcdef12"});
      return builder.AddLocation({library, 0x7f0000000000 + std::stoull(text.substr(1), nullptr, 16), {}});
    }
    if (text.starts_with('[')) return builder.AddMarker(text);
    const uint32_t binary = builder.AddMapping({0x400000, 0x600000, 0, "/bin/app", "0011223344"});
    std::vector<Line> lines;
    size_t from = 0;
    while (true) {
      const size_t to = text.find(" <- ", from);
      lines.push_back({Function(text.substr(from, to - from)), 10});
      if (to == std::string::npos) break;
      from = to + 4;
    }
    return builder.AddLocation({binary, address, lines});
  }
};

/// Anything that the sampler could deliver, and some that it could not. The same for the same seed everywhere.
class RandomProfiles {
 public:
  explicit RandomProfiles(uint32_t seed) : random_(seed) {}

  Profile Next() {
    ProfileBuilder builder;
    builder.SetTime(WallTime(std::chrono::nanoseconds(1 + Below(1'000'000'000))),
                    std::chrono::nanoseconds(Below(1'000'000)), std::chrono::nanoseconds(1 + Below(1'000'000)));
    for (uint32_t i = Below(12); i > 0; --i) builder.AddSample(RandomSample(builder));
    return builder.Build();
  }

  uint32_t Below(uint32_t limit) { return random_() % limit; }

 private:
  template <typename T>
  T Pick(std::initializer_list<T> choices) {
    return choices.begin()[Below(static_cast<uint32_t>(choices.size()))];
  }

  uint32_t RandomFunction(ProfileBuilder& builder) {
    const std::string name =
        Pick<std::string>({"main.(*Config).Get", "ns::f(int, std::vector<int>&)", "a b;c", "\xc3\xbc",
                           "main.Map[go.shape.int]", "main.(*T[...]).M", "x", "[unknown]", "[odd]"});
    return builder.AddFunction({name, Pick<std::string>({"", name, "_Zmangled"}), Pick<std::string>({"", "/src/a.go"}),
                                static_cast<int64_t>(Below(3))});
  }

  uint32_t RandomLocation(ProfileBuilder& builder) {
    if (Below(8) == 0) return builder.AddMarker(Pick<std::string>({"[no frame pointer]", "[unknown]", "[truncated]"}));
    Location location{.address = 0x1000 + Below(6)};
    if (Below(5) > 0) {
      location.mapping = builder.AddMapping({0x1000, 0x2000 + Below(2), Below(2) * 0x1000,
                                             Pick<std::string>({"/bin/app", "/lib/b.so", "[kernel]", ""}),
                                             Pick<std::string>({"", "ab", "cd"})});
    }
    // In no mapping there is nothing that could have named an address.
    const uint32_t lines = location.mapping == kNone ? 0 : Below(3);
    for (uint32_t i = 0; i < lines; ++i)
      location.lines.push_back({RandomFunction(builder), static_cast<int64_t>(Below(3))});
    return builder.AddLocation(location);
  }

  Sample RandomSample(ProfileBuilder& builder) {
    Sample sample{.tid = Below(3),
                  .thread_name = Pick<std::string>({"", "worker"}),
                  .count = Below(5),
                  .stack_bytes = Below(3) * 4096};
    if (Below(6) > 0) {
      sample.process =
          builder.AddProcess({Below(3),
                              Below(2),
                              Below(2),
                              Pick<std::string>({"", "app", "sh"}),
                              {.name = Pick<std::string>({"", "web"}), .pod = Pick<std::string>({"", "web-0"})}});
    }
    for (uint32_t i = Below(8); i > 0; --i) sample.stack.locations.push_back(RandomLocation(builder));
    const auto frames = static_cast<uint32_t>(sample.stack.locations.size());
    for (uint32_t first = 1 + Below(3); first < frames; first += 1 + Below(3)) {
      const uint32_t length = 1 + Below(frames - first);
      sample.stack.folds.push_back({first, length, 1 + Below(1'000'000), Below(4) == 0});
      first += length;
    }
    sample.stack.truncated = Below(4) == 0;
    return sample;
  }

  std::mt19937 random_;
};

}  // namespace profd::testing
