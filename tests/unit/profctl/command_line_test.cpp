// The real profctl against a real server; only the daemon behind that is a fake.
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/api_server.h"
#include "base/version.h"
#include "pprof/pprof.h"
#include "run.h"
#include "support/fake_backend.h"
#include "support/temp_dir.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;
using testing::RunOnTerminal;
using testing::RunResult;

class ProfctlTest : public ::testing::Test {
 protected:
  ProfctlTest() {
    const ContainerLabels labels{.name = "app", .id = std::string(64, 'a'), .pod = "web-0", .name_space = "shop"};
    backend.existing = {10, 11, 12};
    backend.running = {{.process = {.pid = 10, .start_time_ns = 1, .command = "web", .container = labels},
                        .cpu = 20ms,
                        .stacks = {{{"main", "main.(*Config).Get", "read"}, 3}},
                        .leaf_cycle_repeats = 5000},
                       {.process = {.pid = 11, .start_time_ns = 2, .command = "d\x1b[31mb"},
                        .cpu = 40ms,
                        .stacks = {{{"main", "scan"}, 4}}}};
    backend.outcomes = {{"recorded", 7}, {"lost_ring_full", 2}, {"ignored_idle", 9}};
    backend.known = {{.process = backend.running[0].process,
                      .executable = "/bin/web",
                      .ns_pids = {10, 1},
                      .runtime = "go1.26.1",
                      .symbols = "gopclntab"},
                     {.process = backend.running[1].process, .ns_pids = {11}}};
    backend.status.version = "9.9.9";
    backend.status.sample_hz = 19;
    backend.status.outcomes = {{"recorded", 5}, {"lost_busy", 1}};
    backend.status.programs = {{.name = "cpu_sampler", .runs = 12345, .mean_ns = 2500, .verified_instructions = 678}};
    backend.status.checks = {{.name = "BTF", .ok = true, .required = true, .detail = "/sys/kernel/btf/vmlinux"}};
    backend.status.http_token_file = dir / "token";
  }
  void SetUp() override {
    auto made = ApiServer::Create({.socket = dir / "p.sock",
                                   .socket_group = "root",
                                   .http = "127.0.0.1:0",
                                   .http_token_file = dir / "token",
                                   .metrics = [] { return ""; }},
                                  &backend, &clock);
    ASSERT_TRUE(made.ok()) << made.status();
    server = *std::move(made);
    backend.status.http_address = server->http_address();
  }
  std::vector<std::string> With(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--address", "unix://" + dir / "p.sock"});
    return arguments;
  }
  RunResult Run(std::vector<std::string> arguments, const std::function<void(pid_t)>& meanwhile = nullptr) const {
    return testing::RunProfctl(With(std::move(arguments)), meanwhile);
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(dir / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  testing::TempDir dir;
  SystemClock clock;
  testing::FakeBackend backend{&clock};
  std::unique_ptr<ApiServer> server;
};

TEST_F(ProfctlTest, TopPrintsProcessesByCpuOnce) {
  const RunResult run = Run({"top", "-d", "200ms"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("7 samples, lost 2 (ring_full 2)"));
  EXPECT_LT(run.out.find("d\\x1b[31mb"), run.out.find("web")) << run.out;
  EXPECT_THAT(run.out, Not(HasSubstr("\x1b"))) << "no terminal, no colour, and foreign names harmless";
  EXPECT_THAT(run.out, HasSubstr("5,002")) << "the depth, folds in full";
}

TEST_F(ProfctlTest, TopAsJsonHasTheAgreedKeys) {
  const RunResult run = Run({"top", "--pid", "10", "-d", "200ms", "-o", "json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json json = Json::parse(run.out);
  EXPECT_EQ(json["schema"], "profctl.top/v1");
  EXPECT_EQ(json["pid"], 10);
  EXPECT_EQ(json["command"], "web");
  EXPECT_EQ(json["samples"], 3);
  EXPECT_EQ(json["lost"], (Json{{"ring_full", 2}}));
  EXPECT_THAT(json["window_start"].get<std::string>(), ::testing::MatchesRegex("20..-..-..T..:..:..\\....Z"));
  EXPECT_LT(json["window_start"], json["window_end"]);
  EXPECT_EQ(json["recursion"], Json::array());
  ASSERT_EQ(json["functions"].size(), 3u);
  EXPECT_EQ(json["functions"][0], (Json{{"name", "read"},
                                        {"file", "/src/read.go"},
                                        {"line", 10},
                                        {"flat", 3},
                                        {"flat_percent", 100.0},
                                        {"cum", 3},
                                        {"cum_percent", 100.0},
                                        {"max_repeats", 1},
                                        {"max_repeats_estimated", false}}));
  const auto& functions = json["functions"];
  const auto get = std::ranges::find(functions, "main.(*Config).Get", [](const Json& f) { return f["name"]; });
  EXPECT_EQ((*get)["max_repeats"], 5000);
}

TEST_F(ProfctlTest, ProcessListAsJson) {
  const RunResult run = Run({"-o", "json", "top", "-d", "200ms", "-n", "1"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("d\\u001b[31mb"));
  const Json json = Json::parse(run.out);
  EXPECT_EQ(json["schema"], "profctl.top_processes/v1");
  ASSERT_EQ(json["processes"].size(), 1u);
  EXPECT_EQ(json["processes"][0]["pid"], 11);
  EXPECT_GT(json["processes"][0]["cpu_percent"], 0.0);
}

TEST_F(ProfctlTest, TopOfAProcessSaysHowDeepItRecurses) {
  const RunResult run = Run({"top", "--ns-pid", "1", "-d", "200ms", "--sort", "repeats", "-o", "wide"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith("web (pid 10), "));
  EXPECT_THAT(run.out, HasSubstr("deep recursion: main.(*Config).Get stands 5,000 times on the deepest stack\n"));
  EXPECT_THAT(run.out, HasSubstr("/src/read.go:10"));
}

TEST_F(ProfctlTest, ColourOnlyWhereItIsWanted) {
  EXPECT_THAT(Run({"top", "-d", "50ms", "--color", "always"}).out, HasSubstr("\x1b[1m"));
  setenv("NO_COLOR", "1", 1);
  EXPECT_THAT(RunOnTerminal(With({"top", "--once", "-d", "50ms"}), "none", "").out, Not(HasSubstr("\x1b[1m")));
  unsetenv("NO_COLOR");
  EXPECT_THAT(RunOnTerminal(With({"top", "--once", "-d", "50ms"}), "none", "").out, HasSubstr("\x1b[1m"));
}

TEST_F(ProfctlTest, OnATerminalTopRefreshesUntilQ) {
  const RunResult run = RunOnTerminal(With({"top"}), "s sorts (by cpu)", "sq");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, AllOf(StartsWith("\x1b[?1049h"), HasSubstr("by samples"), ::testing::EndsWith("\x1b[?1049l")));
}

TEST_F(ProfctlTest, CtrlCRestoresTheTerminal) {
  for (const char* length : {"300s", "100ms"}) {
    const RunResult run = RunOnTerminal(With({"top", "-d", length}), "\x1b[2J", "\x03");
    EXPECT_EQ(run.exit_code, 130) << length;
    EXPECT_THAT(run.out, ::testing::EndsWith("\x1b[?1049l")) << length;
  }
}

TEST_F(ProfctlTest, RecordWritesPprofAndSaysWhatToDo) {
  const RunResult run = Run({"record", "--pid", "10", "-d", "200ms", "-f", dir / "out.pb.gz"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto profile = pprof::Decode(Read("out.pb.gz"));
  ASSERT_TRUE(profile.ok()) << profile.status();
  ASSERT_EQ(profile->samples.size(), 1u);
  EXPECT_EQ(profile->samples[0].count, 3u);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, AllOf(HasSubstr("web (pid 10): "), HasSubstr("3 samples, lost 2 (ring_full 2)"),
                             HasSubstr("go tool pprof -http=: " + dir / "out.pb.gz")));
}

TEST_F(ProfctlTest, RecordWritesTheOtherForms) {
  EXPECT_EQ(Run({"record", "--pid", "10", "-d", "0.1", "--format", "folded", "-f", "-"}).out,
            "main;main.(*Config).Get;[recursion x5000];read 3\n");
  EXPECT_EQ(Run({"record", "-d", "0.1", "-f", dir / "x.svg"}).exit_code, 0);
  EXPECT_THAT(Read("x.svg"), HasSubstr("<svg"));
  EXPECT_EQ(Run({"record", "-d", "0.1", "-f", dir / "x.speedscope.json"}).exit_code, 0);
  EXPECT_TRUE(Json::accept(Read("x.speedscope.json")));
}

TEST_F(ProfctlTest, CtrlCKeepsWhatWasRecorded) {
  const RunResult run = Run({"record", "-d", "1h", "-f", dir / "out.pb.gz"}, [this](pid_t child) {
    while (backend.flips == 0) std::this_thread::sleep_for(5ms);
    std::this_thread::sleep_for(50ms);
    kill(child, SIGINT);
  });
  EXPECT_EQ(run.exit_code, 130);
  EXPECT_THAT(run.err, HasSubstr("ended early: all processes"));
  const auto profile = pprof::Decode(Read("out.pb.gz"));
  ASSERT_TRUE(profile.ok());
  EXPECT_EQ(profile->samples.size(), 2u);
}

TEST_F(ProfctlTest, RecordTakesHistory) {
  ASSERT_TRUE(backend.Flip().ok());
  EXPECT_EQ(Run({"record", "--since", "-5m", "-f", dir / "out.pb.gz"}).exit_code, 0);
  EXPECT_TRUE(pprof::Decode(Read("out.pb.gz")).ok());
  const RunResult none = Run({"record", "--since", "2h ago", "--until", "1h ago", "-f", dir / "none"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("history begins at"));
  EXPECT_FALSE(std::filesystem::exists(dir / "none"));
}

TEST_F(ProfctlTest, BinaryDoesNotGoToATerminal) {
  const RunResult run = RunOnTerminal(With({"record", "-d", "50ms", "-f", "-"}), "none", "");
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.out, HasSubstr("binary"));
}

TEST_F(ProfctlTest, AnUnknownProcessIsExitFour) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"top", "--pid", "99"},
                                                                     {"top", "--ns-pid", "99"},
                                                                     {"top", "-l", "command=nobody"},
                                                                     {"record", "--pid", "99", "-d", "1h"},
                                                                     {"url", "--pid", "99"},
                                                                     {"ps", "--pid", "99"}}) {
    const RunResult run = Run(arguments);
    EXPECT_EQ(run.exit_code, 4) << arguments[0] << run.err;
    EXPECT_THAT(run.err, HasSubstr("no such process"));
    EXPECT_EQ(run.out, "");
  }
}

TEST_F(ProfctlTest, WithoutADaemonItIsExitThree) {
  for (const char* verb : {"top", "ps", "status", "doctor", "url", "record"}) {
    const RunResult run = testing::RunProfctl({"--address", "unix://" + dir / "nobody.sock", verb});
    EXPECT_EQ(run.exit_code, 3) << verb;
    EXPECT_THAT(run.err, HasSubstr("profd --check")) << verb;
  }
}

TEST_F(ProfctlTest, WithoutThePermissionItIsExitFive) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give its permissions up";
  chmod(dir.path().c_str(), 0755);
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) _exit(99);
    execl(PROFCTL_PATH, "profctl", "--address", ("unix:" + dir / "p.sock").c_str(), "status", nullptr);
    _exit(98);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 5);
}

TEST_F(ProfctlTest, WrongUsageIsExitTwo) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{},
                                                                     {"nonsense"},
                                                                     {"top", "--nonsense"},
                                                                     {"top", "-o", "xml"},
                                                                     {"top", "--sort", "colour"},
                                                                     {"top", "--pid", "0"},
                                                                     {"top", "--pid", "web"},
                                                                     {"top", "-d", "soon"},
                                                                     {"top", "-l", "colour=red"},
                                                                     {"record", "-d", "2h"},
                                                                     {"record", "--until", "-5m"},
                                                                     {"record", "--since", "-5m", "-d", "5s"},
                                                                     {"record", "--since", "-5m", "--until", "-6m"},
                                                                     {"completion", "tcsh"},
                                                                     {"--address", "tcp://1.2.3.4:5", "status"}}) {
    EXPECT_EQ(Run(arguments).exit_code, 2) << (arguments.empty() ? "" : arguments.back());
  }
}

TEST_F(ProfctlTest, AFullDiskBehindTheOutputIsAnError) {
  const std::string command =
      PROFCTL_PATH + std::string(" --address unix:") + dir / "p.sock" + " ps >/dev/full 2>/dev/null";
  EXPECT_EQ(WEXITSTATUS(system(command.c_str())), 1);
}

TEST_F(ProfctlTest, PsShowsWhatIsKnown) {
  const RunResult run = Run({"ps", "--selector", "container=app"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("go1.26.1"), HasSubstr("gopclntab"), HasSubstr("web-0"), Not(HasSubstr("31m"))));
  const Json json = Json::parse(Run({"ps", "-o", "json"}).out);
  EXPECT_EQ(json["schema"], "profctl.ps/v1");
  EXPECT_EQ(json["processes"][0]["ns_pids"], (Json{10, 1}));
  EXPECT_EQ(json["processes"][0]["container"]["namespace"], "shop");
  EXPECT_EQ(json["processes"][1]["container"], nullptr);
}

TEST_F(ProfctlTest, UrlHasTheToken) {
  std::string token = Read("token");
  token.pop_back();
  EXPECT_EQ(Run({"url"}).out, "http://" + server->http_address() + "/?token=" + token + "\n");
  EXPECT_EQ(Run({"url", "--pid", "10"}).out,
            "http://" + server->http_address() + "/debug/pprof/profile?pid=10&token=" + token + "\n");
}

TEST_F(ProfctlTest, StatusShowsLosses) {
  const RunResult run = Run({"status"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(StartsWith("profd 9.9.9"), HasSubstr("lost_busy"), HasSubstr("12,345"),
                             HasSubstr("2.50 us"), HasSubstr("678")));
  const Json json = Json::parse(Run({"status", "-o", "json"}).out);
  EXPECT_EQ(json["schema"], "profctl.status/v1");
  EXPECT_EQ(json["programs"][0]["runs"], 12345);
}

TEST_F(ProfctlTest, DoctorFailsOnlyForWhatIsRequired) {
  EXPECT_THAT(Run({"doctor"}).out, StartsWith("OK"));
  backend.status.checks.push_back({.name = "fentry", .ok = false, .required = false, .remedy = "a newer kernel"});
  EXPECT_EQ(Run({"doctor"}).exit_code, 0);
  backend.status.checks.push_back({.name = "perf", .ok = false, .required = true, .remedy = "give it CAP_PERFMON"});
  const RunResult run = Run({"doctor"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, AllOf(HasSubstr("MISSING   perf"), HasSubstr("give it CAP_PERFMON")));
  EXPECT_EQ(Json::parse(Run({"doctor", "-o", "json"}).out)["ok"], false);
}

TEST_F(ProfctlTest, VersionIsOfBoth) {
  EXPECT_EQ(Run({"version"}).out, "profctl " + std::string(Version()) + "\nprofd 9.9.9\n");
  EXPECT_EQ(testing::RunProfctl({"--address", "unix:/nonexistent.sock", "version"}).exit_code, 0);
}

TEST_F(ProfctlTest, CompletionKnowsEveryVerbAndItsFlags) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = Run({"completion", shell}).out;
    for (const char* word :
         {"top", "record", "ps", "url", "status", "doctor", "version", "completion", "since", "ns-pid"}) {
      EXPECT_THAT(script, HasSubstr(word)) << shell;
    }
  }
}

TEST_F(ProfctlTest, TheBashCompletionCompletes) {
  std::ofstream(dir / "c.bash") << Run({"completion", "bash"}).out;
  const std::string command =
      "bash -c 'source " + dir / "c.bash" +
      "; COMP_WORDS=(profctl -o json record --un); COMP_CWORD=4; _profctl; echo ${COMPREPLY[@]}' >" + dir / "answer";
  ASSERT_EQ(system(command.c_str()), 0);
  EXPECT_EQ(Read("answer"), "--until\n");
}

}  // namespace
}  // namespace profd
