// What the format's own tool makes of our files. It is part of Go, which the tests need: a missing one is a failure.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "pprof/pprof.h"
#include "profile/top.h"
#include "support/profiles.h"

namespace profd::pprof {
namespace {

using testing::ProfileText;
using testing::RandomProfiles;
using testing::StackOf;

struct Row {
  uint64_t flat = 0, cum = 0;
  bool operator==(const Row&) const = default;
};
void PrintTo(const Row& row, std::ostream* out) { *out << "flat " << row.flat << " cum " << row.cum; }
using Rows = std::map<std::string, Row>;

class GoPprof : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string directory = (std::filesystem::temp_directory_path() / "profd-pprof-XXXXXX").string();
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    directory_ = directory;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  /// Both output streams of `go tool pprof FLAGS file`. PPROF_BINARY_PATH keeps it from looking through the home
  /// folder.
  std::string Run(const Profile& profile, const std::string& flags) {
    const std::filesystem::path file = directory_ / "profile.pb.gz";
    std::ofstream(file, std::ios::binary) << Encode(profile);
    const std::string command = "cd " + directory_.string() + " && PPROF_BINARY_PATH=. PPROF_TMPDIR=. go tool pprof " +
                                flags + " " + file.string() + " 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer;
    while (const size_t size = fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), size);
    EXPECT_EQ(pclose(pipe), 0) << command << "\n" << output;
    return output;
  }

  Rows Top(const Profile& profile) {
    const std::regex row(R"(\s*(\d+)\s+[\d.]+%\s+[\d.]+%\s+(\d+)\s+[\d.]+%\s+(.*))");
    std::istringstream lines(Run(profile, "-top -sample_index=samples -nodefraction=0 -nodecount=1000000"));
    Rows rows;
    for (std::string line; std::getline(lines, line);) {
      std::smatch match;
      if (!std::regex_match(line, match, row)) continue;
      const std::string name = std::regex_replace(match[3].str(), std::regex(R"( \((partial-)?inline\)$)"), "");
      rows[name] = {std::stoull(match[1]), std::stoull(match[2])};
    }
    rows.erase("[recursion]");
    return rows;
  }

  std::filesystem::path directory_;
};

Rows OurTop(const Profile& profile) {
  Rows rows;
  for (const FunctionShare& share : ComputeTop(profile).functions) rows[share.name] = {share.flat, share.cum};
  return rows;
}

Profile Typical() {
  return ProfileText({StackOf({"main.leaf", "main.(*Config).Get", "main.walk[go.shape.int]", "main.main"})
                          .Repeat(1, 2, 500'000)
                          .Ticks(40),
                      StackOf({"[k] copy_page", "[k] do_page_fault", "main.(*T[...]).Grow", "main.main"}).Ticks(7),
                      StackOf({"std::vector<int>::push_back(int&&)", "ns::f(int, char)", "main"}).In("cpp", 2).Ticks(5),
                      StackOf({"?0x1234", "?0x1299", "?", "main"}).In("cpp", 2).Ticks(3),
                      StackOf({"inner <- middle <- outer", "[no frame pointer]"}).In("cpp", 2).Truncated().Ticks(2)})
      .Build();
}

TEST_F(GoPprof, TopShowsTheFunctionsAndCountsThatOursShows) { EXPECT_EQ(Top(Typical()), OurTop(Typical())); }

TEST_F(GoPprof, TopAgreesOnAnyProfile) {
  for (uint32_t seed = 0; seed < 6; ++seed) {
    ProfileBuilder builder;
    RandomProfiles random(seed);
    for (int i = 0; i < 20; ++i) builder.Merge(random.Next());
    const Profile profile = builder.Build();
    EXPECT_EQ(Top(profile), OurTop(profile)) << seed;
  }
}

TEST_F(GoPprof, ShowsCpuTimeUnlessAskedForSamples) {
  const std::string output = Run(Typical(), "-top");
  EXPECT_NE(output.find("Type: cpu"), std::string::npos) << output;
  EXPECT_NE(output.find("Duration: 10s, Total samples = 2850ms"), std::string::npos) << output;
}

TEST_F(GoPprof, FindsNothingToComplainAbout) {
  const std::string output = Run(Typical(), "-top");
  EXPECT_EQ(output.find("failed"), std::string::npos) << output;
  EXPECT_EQ(output.find("not available"), std::string::npos) << output;
}

TEST_F(GoPprof, SeesTheNumbersOfARecursionOnlyInLabels) {
  const std::string traces = Run(Typical(), "-traces");
  EXPECT_NE(traces.find("recursion_repeats:"), std::string::npos) << traces;
  EXPECT_NE(traces.find("500000"), std::string::npos) << traces;
  const std::string top = Run(Typical(), "-top -nodefraction=0");
  EXPECT_NE(top.find(" [recursion]\n"), std::string::npos) << top;
  EXPECT_EQ(top.find("500000"), std::string::npos) << top;
}

TEST_F(GoPprof, KeepsTheZerosOfRepeatedLabels) {
  const Profile profile =
      ProfileText({StackOf({"f", "a", "b", "c"}).Repeat(1, 1, 3, false).Repeat(2, 1, 4, true).Repeat(3, 1, 5, false)})
          .Build();
  const std::string raw = Run(profile, "-raw");
  EXPECT_NE(raw.find("recursion_estimated:[0 flag 1 flag 0 flag]"), std::string::npos) << raw;
}

TEST_F(GoPprof, CanPickOneProcessByItsLabel) {
  const std::string output = Run(Typical(), "-top -sample_index=samples -tagfocus=command=cpp");
  EXPECT_NE(output.find("accounting for 10, 17.54% of 57 total"), std::string::npos) << output;
}

TEST_F(GoPprof, LeavesTheLeafsDirectCallerVisible) {
  const std::string output = Run(Typical(), "-peek=main.leaf -sample_index=samples");
  EXPECT_NE(output.find("main.(*Config).Get"), std::string::npos) << output;
}

}  // namespace
}  // namespace profd::pprof
