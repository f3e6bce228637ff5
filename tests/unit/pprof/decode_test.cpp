#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "pprof/gzip.h"
#include "pprof/pprof.h"
#include "pprof/profile.pb.h"
#include "pprof/read.h"
#include "support/profiles.h"

namespace profd::pprof {
namespace {

using testing::ProfileText;
using testing::StackOf;

/// Two samples, `f` called by `main`, as a tool that is not profd would write them.
format::Profile Foreign() {
  format::Profile profile;
  for (const char* text : {"", "samples", "count", "cpu", "nanoseconds", "f", "main", "thread", "pid"}) {
    profile.add_string_table(text);
  }
  const auto type = [&](format::ValueType* out, int name, int unit) { out->set_type(name), out->set_unit(unit); };
  type(profile.add_sample_type(), 1, 2);
  type(profile.add_sample_type(), 3, 4);
  type(profile.mutable_period_type(), 3, 4);
  profile.set_period(10);
  profile.add_mapping()->set_id(70);
  for (const int name : {5, 6}) {
    format::Function& function = *profile.add_function();
    function.set_id(100 + name);
    function.set_name(name);
    function.set_system_name(name);
    format::Location& location = *profile.add_location();
    location.set_id(200 + name);
    location.set_mapping_id(70);
    location.set_address(name);
    location.add_line()->set_function_id(100 + name);
  }
  for (const int64_t count : {3, 4}) {
    format::Sample& sample = *profile.add_sample();
    if (count == 3) sample.add_location_id(205);
    sample.add_location_id(206);
    sample.add_value(count);
    sample.add_value(count * 10);
  }
  return profile;
}

absl::Status WhyBroken(const std::function<void(format::Profile&)>& change) {
  format::Profile profile = Foreign();
  change(profile);
  const std::string bytes = profile.SerializeAsString();
  EXPECT_FALSE(Decode(bytes).ok()) << "decoded although it is no valid profile";
  return Validate(bytes);
}

void ExpectBroken(const std::string& why, const std::function<void(format::Profile&)>& change) {
  const absl::Status status = WhyBroken(change);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(Message(status).find(why), std::string::npos) << Message(status);
}

TEST(PprofDecode, ReadsProfilesOfOtherTools) {
  for (const bool gzipped : {false, true}) {
    const std::string bytes = Foreign().SerializeAsString();
    const absl::StatusOr<Profile> profile = Decode(gzipped ? Gzip(bytes) : bytes);
    ASSERT_TRUE(profile.ok()) << Message(profile.status());
    EXPECT_EQ(profile->period, std::chrono::nanoseconds(10));
    ASSERT_EQ(profile->samples.size(), 2u);
    EXPECT_EQ(profile->samples[0].count + profile->samples[1].count, 7u);
    EXPECT_EQ(profile->samples[0].process, kNone);
    EXPECT_EQ(profile->functions, (std::vector<Function>{{"f"}, {"main"}}));
  }
}

TEST(PprofDecode, DividesCpuTimeByThePeriodWhereNothingCounts) {
  format::Profile in = Foreign();
  in.mutable_sample_type(0)->set_unit(4);
  in.mutable_sample_type(0)->set_type(3);
  in.mutable_sample(0)->set_value(0, 50);
  in.mutable_sample(1)->set_value(0, 20);
  const absl::StatusOr<Profile> profile = Decode(in.SerializeAsString());
  ASSERT_TRUE(profile.ok()) << Message(profile.status());
  EXPECT_EQ(profile->samples[0].count + profile->samples[1].count, 7u);
}

TEST(PprofDecode, TakesARecursionFrameWithoutOurLabelsForAFrame) {
  format::Profile in = Foreign();
  in.set_string_table(6, "[recursion]");
  in.mutable_location(1)->set_mapping_id(0);
  in.mutable_function(1)->set_system_name(0);
  const absl::StatusOr<Profile> profile = Decode(in.SerializeAsString());
  ASSERT_TRUE(profile.ok()) << Message(profile.status());
  for (const Sample& sample : profile->samples) {
    EXPECT_TRUE(sample.stack.folds.empty());
    EXPECT_FALSE(sample.stack.locations.empty());
  }
}

TEST(PprofDecode, RefusesCyclesThatDoNotFitTheirStack) {
  const std::string bytes =
      *Gunzip(Encode(ProfileText({StackOf({"f", "g", "main"}).Repeat(1, 1, 9)}).Build()), 1 << 20);
  format::Profile in;
  ASSERT_TRUE(in.ParseFromString(bytes));
  for (const int64_t length : {int64_t{0}, int64_t{-1}, int64_t{3}, INT64_MAX}) {
    for (format::Label& label : *in.mutable_sample(0)->mutable_label()) {
      if (in.string_table(static_cast<int>(label.key())) == "recursion_cycle_frames") label.set_num(length);
    }
    const absl::StatusOr<Profile> profile = Decode(in.SerializeAsString());
    EXPECT_FALSE(profile.ok()) << length;
    EXPECT_NE(Message(profile.status()).find("does not fit its stack"), std::string::npos);
  }
}

TEST(PprofDecode, RefusesCyclesThatOverlap) {
  const Profile two = ProfileText({StackOf({"f", "g", "h", "main"}).Repeat(1, 1, 9).Repeat(2, 1, 9)}).Build();
  format::Profile in;
  ASSERT_TRUE(in.ParseFromString(*Gunzip(Encode(two), 1 << 20)));
  for (format::Label& label : *in.mutable_sample(0)->mutable_label()) {
    if (in.string_table(static_cast<int>(label.key())) == "recursion_cycle_frames") label.set_num(1);
  }
  ASSERT_TRUE(Decode(in.SerializeAsString()).ok());
  // Of the two, the second reaches into the first.
  for (auto label = in.mutable_sample(0)->mutable_label()->rbegin();; ++label) {
    if (in.string_table(static_cast<int>(label->key())) != "recursion_cycle_frames") continue;
    label->set_num(2);
    break;
  }
  EXPECT_NE(Message(Decode(in.SerializeAsString()).status()).find("does not fit its stack"), std::string::npos);
}

TEST(PprofValidate, AcceptsAValidProfile) { EXPECT_TRUE(Validate(Foreign().SerializeAsString()).ok()); }

TEST(PprofValidate, NamesWhatIsWrong) {
  ExpectBroken("string 0 is not empty", [](auto& p) { p.set_string_table(0, "x"); });
  ExpectBroken("string 0 is not empty", [](auto& p) { p.clear_string_table(); });
  ExpectBroken("no sample types", [](auto& p) { p.clear_sample_type(), p.clear_sample(); });
  ExpectBroken("there is no string 99", [](auto& p) { p.mutable_function(0)->set_name(99); });
  ExpectBroken("there is no string -1", [](auto& p) { p.mutable_function(0)->set_filename(-1); });
  ExpectBroken("there is no string 99", [](auto& p) { p.mutable_mapping(0)->set_build_id(99); });
  ExpectBroken("there is no string 99", [](auto& p) { p.mutable_sample_type(1)->set_unit(99); });
  ExpectBroken("there is no string 99", [](auto& p) { p.mutable_period_type()->set_unit(99); });
  ExpectBroken("there is no string 99", [](auto& p) { p.set_default_sample_type(99); });
  ExpectBroken("there is no string 99", [](auto& p) { p.add_comment(99); });
  ExpectBroken("a mapping has the id 0", [](auto& p) { p.mutable_mapping(0)->set_id(0); });
  ExpectBroken("a function has the id 0", [](auto& p) { p.mutable_function(0)->set_id(0); });
  ExpectBroken("two locations have the id 205", [](auto& p) { p.mutable_location(1)->set_id(205); });
  ExpectBroken("there is no mapping 8", [](auto& p) { p.mutable_location(0)->set_mapping_id(8); });
  ExpectBroken("there is no function 8", [](auto& p) { p.mutable_location(0)->mutable_line(0)->set_function_id(8); });
  ExpectBroken("there is no location 8", [](auto& p) { p.mutable_sample(0)->set_location_id(0, 8); });
  ExpectBroken("1 values for 2 sample types", [](auto& p) { p.mutable_sample(0)->mutable_value()->RemoveLast(); });
  ExpectBroken("a label without a key", [](auto& p) { p.mutable_sample(0)->add_label()->set_num(1); });
  ExpectBroken("a text and a number", [](auto& p) {
    format::Label& label = *p.mutable_sample(0)->add_label();
    label.set_key(7), label.set_str(5), label.set_num(1);
  });
}

TEST(PprofDecode, RefusesWhatItCannotCount) {
  for (const auto& change : std::vector<std::function<void(format::Profile&)>>{
           [](auto& p) { p.mutable_sample(0)->set_value(0, -1); }, [](auto& p) { p.set_time_nanos(-1); },
           [](auto& p) { p.set_duration_nanos(-1); },
           [](auto& p) { p.set_time_nanos(INT64_MAX), p.set_duration_nanos(1); },
           [](auto& p) { p.mutable_sample_type(0)->set_unit(5), p.set_period(0); }}) {
    format::Profile profile = Foreign();
    change(profile);
    EXPECT_EQ(Decode(profile.SerializeAsString()).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(PprofDecode, RefusesDamagedFiles) {
  const std::string bytes = Encode(ProfileText({StackOf({"f", "main"})}).Build());
  for (const std::string& damaged : {std::string(), bytes.substr(0, bytes.size() / 2), bytes.substr(0, 5),
                                     bytes + "rest", std::string("not a profile at all")}) {
    EXPECT_EQ(Decode(damaged).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(Validate(damaged).ok());
  }
}

TEST(PprofDecode, RefusesAFileThatInflatesBeyondItsLimit) {
  std::string bomb;
  for (int i = 0; i < 80; ++i) bomb += Gzip(std::string(1 << 20, '\0'));
  EXPECT_NE(Message(Decode(bomb).status()).find("bytes when inflated"), std::string::npos);
}

TEST(PprofDecode, RefusesMessagesThatParseIntoFarMoreThanTheirSize) {
  const std::string empty_samples = [] {
    std::string bytes;
    while (bytes.size() < (8 << 20)) bytes += std::string("\x12\x00", 2);
    return bytes;
  }();
  EXPECT_NE(Message(Decode(empty_samples).status()).find("of memory"), std::string::npos);
}

TEST(PprofDecode, RefusesOneTextUsedAgainAndAgain) {
  format::Profile in = Foreign();
  in.set_string_table(5, std::string(1 << 20, 'x'));
  for (int i = 0; i < 300; ++i) {
    format::Label& label = *in.mutable_sample(0)->add_label();
    label.set_key(7), label.set_str(5);
  }
  EXPECT_NE(Message(Decode(in.SerializeAsString()).status()).find("bytes of text"), std::string::npos);
}

TEST(PprofDecode, SurvivesAnyChangeOfABit) {
  const std::string good = *Gunzip(
      Encode(ProfileText({StackOf({"f", "g", "main"}).Repeat(1, 1, 9).Thread(3, "t"), StackOf({"[k] read", "?0x1234"})})
                 .Build()),
      1 << 20);
  std::mt19937 random(1);
  for (int i = 0; i < 5'000; ++i) {
    std::string bad = good;
    for (uint32_t flips = 1 + random() % 4; flips > 0; --flips)
      bad[random() % bad.size()] ^= static_cast<char>(1 << random() % 8);
    const absl::StatusOr<Profile> profile = Decode(bad);
    EXPECT_TRUE(profile.ok() || profile.status().code() == absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(!profile.ok() || Validate(Encode(*profile)).ok());
  }
}

}  // namespace
}  // namespace profd::pprof
