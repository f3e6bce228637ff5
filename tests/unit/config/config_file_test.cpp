#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/config.h"

namespace profd {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class ConfigFile : public ::testing::Test {
 protected:
  ConfigFile() {
    std::string name = (std::filesystem::temp_directory_path() / "profd-config-XXXXXX").string();
    close(mkstemp(name.data()));
    path_ = name;
  }
  ~ConfigFile() override { std::filesystem::remove(path_); }

  absl::StatusOr<CommandLine> Parse(const std::string& yaml, std::vector<const char*> more = {}) {
    std::ofstream(path_) << yaml;
    arguments_ = {"profd", "--config", path_.c_str()};
    arguments_.insert(arguments_.end(), more.begin(), more.end());
    return ParseCommandLine(static_cast<int>(arguments_.size()), arguments_.data());
  }

  Config Parsed(const std::string& yaml, std::vector<const char*> more = {}) {
    absl::StatusOr<CommandLine> line = Parse(yaml, std::move(more));
    EXPECT_TRUE(line.ok()) << Message(line.status());
    return line.ok() ? line->config : Config();
  }

  /// Why the file is refused, without its name in front.
  std::string WhyNot(const std::string& yaml) {
    const absl::StatusOr<CommandLine> line = Parse(yaml);
    EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument) << yaml;
    std::string why = Message(line.status());
    EXPECT_EQ(why.substr(0, path_.size()), path_);
    return why.substr(std::min(path_.size(), why.size()));
  }

  std::string path_;
  std::vector<const char*> arguments_;
};

TEST_F(ConfigFile, SetsEverythingThatAFlagSets) {
  const Config config = Parsed(R"(
socket: /tmp/s
socket_group: adm
http: 0.0.0.0:80
http_token_file: /tmp/t
data_dir: /d
sample_hz: 99
hardware_cycles: true
map_probes: off
map_probe_budget: 0.5
map_key_text: on
map_function:
  - binary=/usr/lib/libtable.so*,symbol=table_*,map=rdi
recursion_growing_doublings: 4
recursion_growing_rises: 5
recursion_projected_percent: 40
recursion_horizon_seconds: 60
suspect_hz: 199
exclude:
  - command=a b
  - namespace=kube-system
grpc_reflection: yes
log_level: debug
log_format: json
)");
  EXPECT_THAT(
      ChangedKeys(Config(), config),
      ElementsAre("socket", "socket_group", "http", "http_token_file", "data_dir", "sample_hz", "hardware_cycles",
                  "map_probes", "map_probe_budget", "map_key_text", "map_function", "recursion_growing_doublings",
                  "recursion_growing_rises", "recursion_projected_percent", "recursion_horizon_seconds", "suspect_hz",
                  "exclude", "grpc_reflection", "log_level", "log_format"));
  EXPECT_EQ(config.sample_hz, 99u);
  EXPECT_THAT(config.exclude, ElementsAre("command=a b", "namespace=kube-system"));
}

TEST_F(ConfigFile, AFlagWinsOverTheFile) {
  const Config config =
      Parsed("sample_hz: 99\nexclude: [command=a]\nlog_level: warn\n", {"--sample-hz", "7", "--exclude", "command=b"});
  EXPECT_EQ(config.sample_hz, 7u);
  EXPECT_THAT(config.exclude, ElementsAre("command=b"));
  EXPECT_EQ(config.log_level, "warn");
}

TEST_F(ConfigFile, MayBeEmpty) {
  EXPECT_THAT(ChangedKeys(Parsed(""), Config()), ElementsAre());
  EXPECT_THAT(ChangedKeys(Parsed("# nothing but a comment\n"), Config()), ElementsAre());
}

TEST_F(ConfigFile, AListMayBeOneValue) { EXPECT_THAT(Parsed("exclude: command=a").exclude, ElementsAre("command=a")); }

TEST_F(ConfigFile, NamesLineKeyAndRange) {
  EXPECT_EQ(WhyNot("log_level: info\n\nsample_hz: 1001\n"),
            ":3: sample_hz: '1001' is not a whole number from 1 to 1000");
  EXPECT_EQ(WhyNot("exclude:\n  - command=a\n  - nginx\n"),
            ":2: exclude: 'nginx' is not command=X, container=X or namespace=X");
}

TEST_F(ConfigFile, RefusesValuesOfTheWrongType) {
  EXPECT_EQ(WhyNot("sample_hz: fast"), ":1: sample_hz: 'fast' is not a whole number from 1 to 1000");
  EXPECT_EQ(WhyNot("\nsample_hz: [1, 2]"), ":2: sample_hz: the value is a list, not a whole number from 1 to 1000");
  EXPECT_EQ(WhyNot("sample_hz: {a: 1}"), ":1: sample_hz: the value is a map, not a whole number from 1 to 1000");
  EXPECT_THAT(WhyNot("sample_hz:"), HasSubstr("sample_hz: the value is empty"));
  EXPECT_THAT(WhyNot("exclude: {command: a}"), HasSubstr("exclude: the value is a map"));
  EXPECT_THAT(WhyNot("exclude: [[command=a]]"), HasSubstr("exclude: an entry is a list"));
  EXPECT_THAT(WhyNot("map_probes: 3"), HasSubstr("map_probes: '3' is not on or off"));
}

TEST_F(ConfigFile, NamesTheNearestKeyForAnUnknownOne) {
  EXPECT_EQ(WhyNot("log_level: info\nsample_rate: 19\n"), ":2: unknown key 'sample_rate', did you mean 'sample_hz'?");
  EXPECT_THAT(WhyNot("map-probes: on"), HasSubstr("did you mean 'map_probes'?"));
}

TEST_F(ConfigFile, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(WhyNot("sample_hz: 19\nlog_level: info\nsample_hz: 20\n"),
            ":3: sample_hz: the key stands twice in the file");
}

TEST_F(ConfigFile, RefusesWhatIsNoMap) {
  EXPECT_THAT(WhyNot("- a\n- b\n"), HasSubstr("a configuration file is a map"));
  EXPECT_THAT(WhyNot("just words"), HasSubstr("a configuration file is a map"));
  EXPECT_THAT(WhyNot("? [a, b]\n: 1\n"), HasSubstr("a key must be a word"));
  EXPECT_THAT(WhyNot("sample_hz: 19\n---\nsample_hz: 20\n"), HasSubstr("more than one YAML document"));
}

TEST_F(ConfigFile, NamesTheLineOfASyntaxError) {
  EXPECT_THAT(WhyNot("log_level: info\nsample_hz: [1, 2\n"), ::testing::MatchesRegex(":[0-9]+: .+"));
  EXPECT_THAT(WhyNot("a: b: c\n"), ::testing::StartsWith(":1: "));
}

TEST_F(ConfigFile, IsBounded) { EXPECT_THAT(WhyNot("# " + std::string(2 << 20, 'x')), HasSubstr("at most")); }

TEST_F(ConfigFile, SurvivesDeepNesting) { WhyNot("sample_hz: " + std::string(100'000, '[')); }

TEST_F(ConfigFile, SaysWhichFileIsMissing) {
  const std::vector<const char*> arguments{"profd", "--config", "/nonexistent/profd.yaml"};
  const absl::StatusOr<CommandLine> line = ParseCommandLine(3, arguments.data());
  EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(line.status()), HasSubstr("/nonexistent/profd.yaml"));
  EXPECT_THAT(Message(line.status()), EndsWith("No such file or directory"));
}

TEST_F(ConfigFile, IsReadAnewOnReload) {
  const absl::StatusOr<CommandLine> line = Parse("sample_hz: 19\nlog_level: info\n", {"--log-format", "json"});
  ASSERT_TRUE(line.ok());
  std::ofstream(path_) << "sample_hz: 49\nlog_level: debug\nlog_format: text\n";
  const absl::StatusOr<Config> reloaded = ReloadConfig(static_cast<int>(arguments_.size()), arguments_.data());
  ASSERT_TRUE(reloaded.ok()) << Message(reloaded.status());
  EXPECT_THAT(ChangedKeys(line->config, *reloaded), ElementsAre("sample_hz", "log_level"));
}

TEST_F(ConfigFile, ABadFileOnReloadIsAnError) {
  ASSERT_TRUE(Parse("sample_hz: 19\n").ok());
  std::ofstream(path_) << "sample_hz: 0\n";
  EXPECT_FALSE(ReloadConfig(static_cast<int>(arguments_.size()), arguments_.data()).ok());
}

}  // namespace
}  // namespace profd
