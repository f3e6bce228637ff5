#include <gmock/gmock.h>

#include "config/config.h"

namespace profd {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

absl::StatusOr<CommandLine> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "profd");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

Config Parsed(std::vector<const char*> arguments) {
  absl::StatusOr<CommandLine> line = Parse(std::move(arguments));
  EXPECT_TRUE(line.ok()) << Message(line.status());
  return line.ok() ? line->config : Config();
}

/// Why the command line is refused, always as InvalidArgument.
std::string WhyNot(std::vector<const char*> arguments) {
  const absl::StatusOr<CommandLine> line = Parse(std::move(arguments));
  EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument);
  return Message(line.status());
}

TEST(CommandLine, WithoutFlagsRunsWithTheDefaults) {
  const absl::StatusOr<CommandLine> line = Parse({});
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->action, CommandLine::Action::kRun);
  EXPECT_THAT(ChangedKeys(line->config, Config()), ElementsAre());
  EXPECT_EQ(line->config.socket, "/run/profd/profd.sock");
  EXPECT_EQ(line->config.http, "127.0.0.1:7480");
  EXPECT_EQ(line->config.http_token_file, "/run/profd/http.token");
  EXPECT_EQ(line->config.data_dir, "/var/lib/profd");
  EXPECT_EQ(line->config.sample_hz, 19u);
  EXPECT_TRUE(line->config.map_probes);
  EXPECT_EQ(line->config.map_probe_budget, 1.0);
  EXPECT_FALSE(line->config.map_key_text);
}

TEST(CommandLine, SetsEverythingThatCanBeSet) {
  const Config config = Parsed({"--socket",
                                "/tmp/s",
                                "--socket-group",
                                "adm",
                                "--http",
                                "[::1]:80",
                                "--http-token-file",
                                "/tmp/t",
                                "--data-dir",
                                "/d",
                                "--sample-hz",
                                "99",
                                "--hardware-cycles",
                                "--map-probes",
                                "off",
                                "--map-probe-budget",
                                "0.5",
                                "--map-key-text",
                                "--exclude",
                                "command=a b",
                                "--exclude",
                                "namespace=kube-system",
                                "--grpc-reflection",
                                "--log-level",
                                "debug",
                                "--log-format",
                                "json"});
  EXPECT_EQ(config.socket, "/tmp/s");
  EXPECT_EQ(config.socket_group, "adm");
  EXPECT_EQ(config.http, "[::1]:80");
  EXPECT_EQ(config.http_token_file, "/tmp/t");
  EXPECT_EQ(config.data_dir, "/d");
  EXPECT_EQ(config.sample_hz, 99u);
  EXPECT_TRUE(config.hardware_cycles);
  EXPECT_FALSE(config.map_probes);
  EXPECT_EQ(config.map_probe_budget, 0.5);
  EXPECT_TRUE(config.map_key_text);
  EXPECT_THAT(config.exclude, ElementsAre("command=a b", "namespace=kube-system"));
  EXPECT_TRUE(config.grpc_reflection);
  EXPECT_EQ(config.log_level, "debug");
  EXPECT_EQ(config.log_format, "json");
}

TEST(CommandLine, TakesValuesAfterAnEqualsSign) {
  EXPECT_EQ(Parsed({"--sample-hz=7"}).sample_hz, 7u);
  EXPECT_THAT(Parsed({"--exclude=command=x=y"}).exclude, ElementsAre("command=x=y"));
  EXPECT_FALSE(Parsed({"--map-key-text=off"}).map_key_text);
}

TEST(CommandLine, TheLastOfAFlagCounts) { EXPECT_EQ(Parsed({"--sample-hz", "7", "--sample-hz", "8"}).sample_hz, 8u); }

TEST(CommandLine, TurnsHttpOffWhenAsked) {
  EXPECT_EQ(Parsed({"--http", "off"}).http, "");
  EXPECT_EQ(Parsed({"--http", ""}).http, "");
}

TEST(CommandLine, SampleRateIsFrom1To1000) {
  EXPECT_EQ(Parsed({"--sample-hz", "1"}).sample_hz, 1u);
  EXPECT_EQ(Parsed({"--sample-hz", "1000"}).sample_hz, 1000u);
  for (const char* bad : {"0", "1001", "-1", "19.5", "1e2", "0x10", "19 ", "fast", "", "4294967297"}) {
    EXPECT_THAT(WhyNot({"--sample-hz", bad}), HasSubstr("--sample-hz")) << bad;
    EXPECT_THAT(WhyNot({"--sample-hz", bad}), HasSubstr("a whole number from 1 to 1000")) << bad;
  }
}

TEST(CommandLine, BudgetIsAPercentage) {
  EXPECT_EQ(Parsed({"--map-probe-budget", "0"}).map_probe_budget, 0);
  EXPECT_EQ(Parsed({"--map-probe-budget", "100"}).map_probe_budget, 100);
  for (const char* bad : {"-0.1", "100.1", "nan", "inf", "1%", ""}) {
    EXPECT_THAT(WhyNot({"--map-probe-budget", bad}), HasSubstr("a percentage from 0 to 100")) << bad;
  }
}

TEST(CommandLine, HttpIsAnAddressAndAPort) {
  for (const char* good : {"127.0.0.1:0", "0.0.0.0:65535", "localhost:7480", "[::1]:7480", "[fe80::1%25]:1"}) {
    EXPECT_EQ(Parsed({"--http", good}).http, good);
  }
  for (const char* bad : {"127.0.0.1", ":7480", "127.0.0.1:", "127.0.0.1:65536", "::1:7480", "[::1:7480", "::1]:7480",
                          "[]:1", "http://localhost:7480", "localhost:http", "[x]:1", "a b:1"}) {
    EXPECT_THAT(WhyNot({"--http", bad}), HasSubstr("--http")) << bad;
  }
}

TEST(CommandLine, PathsAreAbsolute) {
  for (const char* flag : {"--socket", "--http-token-file", "--data-dir"}) {
    EXPECT_THAT(WhyNot({flag, "relative/path"}),
                HasSubstr(std::string(flag) + ": 'relative/path' is not an absolute path"));
    WhyNot({flag, ""});
    WhyNot({flag, "/a\nb"});
  }
}

TEST(CommandLine, ASocketPathFitsIntoASocketAddress) {
  const std::string longest = "/" + std::string(106, 's');
  EXPECT_EQ(Parsed({"--socket", longest.c_str()}).socket, longest);
  EXPECT_THAT(WhyNot({"--socket", (longest + "s").c_str()}), HasSubstr("107 bytes"));
}

TEST(CommandLine, WordsAreOneOfAFew) {
  EXPECT_THAT(WhyNot({"--log-level", "loud"}), HasSubstr("trace, debug, info, warn or error"));
  EXPECT_THAT(WhyNot({"--log-format", "xml"}), HasSubstr("text or json"));
  EXPECT_THAT(WhyNot({"--map-probes", "maybe"}), HasSubstr("--map-probes: 'maybe' is not on or off"));
  EXPECT_THAT(WhyNot({"--map-function", "binary=/a,symbol=b,map=rax"}),
              EndsWith("(see README.md): map is not rdi, rsi, rdx, rcx, r8 or r9"));
  for (const char* level : {"trace", "debug", "info", "warn", "error"})
    EXPECT_EQ(Parsed({"--log-level", level}).log_level, level);
}

TEST(CommandLine, ExclusionsAreSelectors) {
  for (const char* bad : {"nginx", "command=", "pod=x", "=x", ""}) {
    EXPECT_THAT(WhyNot({"--exclude", "command=ok", "--exclude", bad}),
                HasSubstr("command=X, container=X or namespace=X"))
        << bad;
  }
}

TEST(CommandLine, UnknownFlagsAreRefusedWithTheNearestKnownOne) {
  EXPECT_THAT(WhyNot({"--sampel-hz", "9"}), HasSubstr("unknown flag '--sampel-hz', did you mean '--sample-hz'?"));
  EXPECT_THAT(WhyNot({"--sampel"}), HasSubstr("did you mean '--sample-hz'?"));
  EXPECT_THAT(WhyNot({"--log_level=debug"}), HasSubstr("unknown flag '--log_level', did you mean '--log-level'?"));
  EXPECT_THAT(WhyNot({"--worker=1"}), HasSubstr("unknown flag"));
}

TEST(CommandLine, ArgumentsWithoutAFlagAreRefused) {
  EXPECT_THAT(WhyNot({"start"}), HasSubstr("unexpected argument 'start'"));
  EXPECT_THAT(WhyNot({"--exclude", "command=a", "command=b"}), HasSubstr("unexpected argument 'command=b'"));
}

TEST(CommandLine, AFlagWithoutItsValueIsRefusedByName) {
  EXPECT_THAT(WhyNot({"--sample-hz"}), HasSubstr("--sample-hz"));
  EXPECT_THAT(WhyNot({"--config"}), HasSubstr("--config"));
}

TEST(CommandLine, VersionSaysWhichProfdThisIs) {
  const absl::StatusOr<CommandLine> line = Parse({"--version"});
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->action, CommandLine::Action::kExit);
  EXPECT_EQ(line->exit_code, 0);
  EXPECT_THAT(line->output, ::testing::MatchesRegex("profd [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CommandLine, HelpNamesEveryFlagItsRangeAndDefault) {
  const absl::StatusOr<CommandLine> line = Parse({"--help"});
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->action, CommandLine::Action::kExit);
  for (const char* text :
       {"--config",       "--socket ",   "--socket-group",    "--http ",      "--http-token-file",
        "--data-dir",     "--sample-hz", "--hardware-cycles", "--map-probes", "--map-probe-budget",
        "--map-key-text", "--exclude",   "--grpc-reflection", "--log-level",  "--log-format",
        "--check",        "--version",   "from 1 to 1000",    "default 19",   "/run/profd/profd.sock"}) {
    EXPECT_THAT(line->output, HasSubstr(text));
  }
  EXPECT_THAT(line->output, ::testing::Not(HasSubstr("--worker")));
}

TEST(CommandLine, ChecksWhenAsked) { EXPECT_EQ(Parse({"--check"})->action, CommandLine::Action::kCheck); }

TEST(CommandLine, AWorkerIsOneByItsOnlyArgument) {
  EXPECT_EQ(Parse({"--worker"})->action, CommandLine::Action::kWorker);
  EXPECT_THAT(WhyNot({"--worker", "--socket", "/tmp/s"}), HasSubstr("--worker"));
  EXPECT_THAT(WhyNot({"--check", "--worker"}), HasSubstr("--worker"));
}

TEST(CommandLine, SurvivesAnEmptyArgumentVector) { EXPECT_TRUE(ParseCommandLine(0, nullptr).ok()); }

TEST(TakeReloadable, TheLogLevelIsTakenAndTheRestNeedsARestart) {
  Config running;
  Config wanted;
  wanted.log_level = "debug";
  wanted.sample_hz = 99;
  EXPECT_THAT(TakeReloadable(running, wanted), ElementsAre("sample_hz"));
  EXPECT_EQ(running.log_level, "debug");
  EXPECT_EQ(running.sample_hz, 19u);
}

TEST(TakeReloadable, WhatWasTakenCanBeTakenBack) {
  Config running;
  Config debug;
  debug.log_level = "debug";
  TakeReloadable(running, debug);
  EXPECT_THAT(TakeReloadable(running, Config()), ElementsAre());
  EXPECT_EQ(running.log_level, "info");
}

TEST(TakeReloadable, WhatNeedsARestartIsSaidUntilItIsUndone) {
  Config running;
  Config wanted;
  wanted.http = "";
  EXPECT_THAT(TakeReloadable(running, wanted), ElementsAre("http"));
  EXPECT_THAT(TakeReloadable(running, wanted), ElementsAre("http"));
  EXPECT_THAT(TakeReloadable(running, Config()), ElementsAre());
}

}  // namespace
}  // namespace profd
