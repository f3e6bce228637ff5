#include "symbols/frame_cache.h"

#include <gtest/gtest.h>

#include <random>

namespace profd {
namespace {

FrameLine Line(const std::string& function, int64_t line = 1) { return {function, function, "/src/a.go", line, 1}; }

std::string NameAt(FrameCache& cache, uint32_t object, uint64_t position) {
  FrameLines lines;
  if (!cache.Find(object, position, &lines)) return "-";
  return lines.empty() ? "?" : lines[0].function;
}

TEST(FrameCache, AnswersByObjectAndPosition) {
  FrameCache cache(10);
  cache.Insert(1, 0x10, {Line("one")});
  cache.Insert(2, 0x10, {Line("two")});
  cache.Insert(1, 0x20, {});
  EXPECT_EQ(NameAt(cache, 1, 0x10), "one");
  EXPECT_EQ(NameAt(cache, 2, 0x10), "two");
  EXPECT_EQ(NameAt(cache, 1, 0x20), "?");
  EXPECT_EQ(NameAt(cache, 2, 0x20), "-");
  cache.Insert(1, 0x10, {Line("other")});
  EXPECT_EQ(NameAt(cache, 1, 0x10), "other");
  EXPECT_EQ(cache.size(), 3u);
}

TEST(FrameCache, LinesThatMakeNoSenseAreUnknown) {
  FrameCache cache(10);
  cache.Insert(1, 1, {{"f", "f", "a", -5, -7}});
  FrameLines lines;
  ASSERT_TRUE(cache.Find(1, 1, &lines));
  EXPECT_EQ(lines[0].line, 0);
  EXPECT_EQ(lines[0].start_line, 0);
}

TEST(FrameCache, TheLeastRecentlyUsedGoesFirst) {
  FrameCache cache(3);
  for (uint64_t i = 1; i <= 3; ++i) cache.Insert(1, i, {Line("f")});
  EXPECT_EQ(NameAt(cache, 1, 1), "f");
  cache.Insert(1, 4, {Line("f")});
  EXPECT_EQ(NameAt(cache, 1, 2), "-");
  EXPECT_EQ(NameAt(cache, 1, 1), "f");
  EXPECT_EQ(NameAt(cache, 1, 3), "f");
  EXPECT_EQ(cache.size(), 3u);
}

TEST(FrameCache, NamesGoWithTheLastAddressThatHasThem) {
  FrameCache cache(10);
  cache.Insert(1, 0, {});
  const size_t empty = cache.bytes();
  for (uint64_t i = 1; i <= 5000; ++i)
    cache.Insert(1, i, {Line(std::string(500, 'x') + std::to_string(i)), Line("caller")});
  for (uint64_t i = 1; i <= 10; ++i) cache.Insert(2, i, {});
  EXPECT_LT(cache.bytes(), empty + 2000);
}

TEST(FrameCache, HugeNamesAreCutAndDoNotTakeAllMemory) {
  FrameCache cache(10'000);
  FrameLines lines(1000, Line(""));
  for (uint64_t i = 0; i < 2000; ++i) {
    for (size_t k = 0; k < 3; ++k) lines[k].function = std::string(10'000, 'x') + std::to_string(i);
    cache.Insert(1, i, {{std::to_string(i) + std::string(10'000, 'y'), "", ""}});
  }
  EXPECT_LT(cache.bytes(), 3u << 20);
  EXPECT_GT(cache.size(), 100u);
  cache.Insert(1, 1, lines);
  FrameLines kept;
  ASSERT_TRUE(cache.Find(1, 1, &kept));
  EXPECT_EQ(kept.size(), 64u);
  EXPECT_EQ(kept[0].function.size(), 4096u);
}

TEST(FrameCache, AHundredThousandAddressesOfFiftyBinariesTakeAFewMegabytes) {
  FrameCache cache(100'000);
  for (uint32_t object = 0; object < 50; ++object) {
    for (uint64_t i = 0; i < 2000; ++i) {
      const std::string name =
          "github.com/example/project/package.(*Type).Method" + std::to_string(object * 300 + i % 300);
      FrameLine line = {name, name, "/go/src/github.com/example/project/file" + std::to_string(i % 40) + ".go",
                        static_cast<int64_t>(i), 10};
      cache.Insert(object, i * 16, {line});
    }
  }
  EXPECT_EQ(cache.size(), 100'000u);
  EXPECT_LT(cache.bytes(), 10u << 20);
}

TEST(FrameCache, AgreesWithAPlainMapWhateverHappens) {
  std::mt19937 random(3);
  FrameCache cache(64);
  std::vector<std::pair<std::pair<uint32_t, uint64_t>, std::string>> model;  // oldest first
  const auto find = [&](uint32_t object, uint64_t position) {
    return std::find_if(model.begin(), model.end(),
                        [&](const auto& entry) { return entry.first == std::pair(object, position); });
  };
  for (int step = 0; step < 20'000; ++step) {
    const uint32_t object = random() % 5;
    const uint64_t position = random() % 40;
    const auto known = find(object, position);
    if (random() % 2 == 0) {
      EXPECT_EQ(NameAt(cache, object, position), known == model.end() ? "-" : known->second);
      if (known != model.end()) std::rotate(known, known + 1, model.end());
      continue;
    }
    const std::string name = "f" + std::to_string(random() % 20);
    FrameLines lines(1 + random() % 3, Line(name));
    cache.Insert(object, position, lines);
    if (known != model.end()) model.erase(known);
    model.push_back({{object, position}, name});
    if (model.size() > 64) model.erase(model.begin());
  }
  EXPECT_EQ(cache.size(), model.size());
}

}  // namespace
}  // namespace profd
