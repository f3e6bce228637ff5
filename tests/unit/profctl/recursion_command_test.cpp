// `recursion`: the real profctl; the daemon is a fake that says what the test has it say.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "profd/v1/profiler.grpc.pb.h"
#include "recursion_event.h"
#include "run.h"
#include "support/temp_dir.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RunResult;
using ::testing::SizeIs;
using Json = nlohmann::json;

/// Lists `events`; a watcher gets those and `changes`, and then waits, or is told that it is over.
class FakeService final : public v1::Profiler::Service {
 public:
  grpc::Status ListRecursion(grpc::ServerContext*, const v1::ListRecursionRequest* request,
                             v1::ListRecursionResponse* response) override {
    listed = *request;
    if (request->selector().pid() == 99) return {grpc::StatusCode::NOT_FOUND, "no such process: pid 99"};
    for (const v1::RecursionEvent& event : events) {
      if (!request->active_only() || event.state() == "active") *response->add_events() = event;
    }
    return grpc::Status::OK;
  }
  grpc::Status WatchRecursion(grpc::ServerContext* context, const v1::WatchRecursionRequest*,
                              grpc::ServerWriter<v1::RecursionEvent>* writer) override {
    for (const v1::RecursionEvent& event : events) writer->Write(event);
    for (const v1::RecursionEvent& event : changes) writer->Write(event);
    sent = true;
    while (!stopping && !context->IsCancelled()) std::this_thread::sleep_for(5ms);
    return grpc::Status::OK;
  }

  std::vector<v1::RecursionEvent> events, changes;
  v1::ListRecursionRequest listed;
  std::atomic<bool> sent = false, stopping = false;
};

class RecursionCommand : public ::testing::Test {
 protected:
  RecursionCommand() {
    service.events = {testing::Runaway(), testing::Crashed()};
    service.events[1].set_id("0123456789abcdef");
    service.events[1].set_grade("proven");
    server = grpc::ServerBuilder()
                 .AddListeningPort("unix:" + dir / "p.sock", grpc::InsecureServerCredentials())
                 .RegisterService(&service)
                 .BuildAndStart();
  }
  RunResult Run(std::vector<std::string> arguments, const std::function<void(pid_t)>& meanwhile = nullptr) const {
    arguments.insert(arguments.begin(), {"--address", "unix://" + dir / "p.sock"});
    return testing::RunProfctl(arguments, meanwhile);
  }
  /// Watches until Ctrl-C, after all has been sent.
  RunResult Watch(std::vector<std::string> arguments) {
    return Run(std::move(arguments), [this](pid_t child) {
      while (!service.sent) std::this_thread::sleep_for(5ms);
      std::this_thread::sleep_for(300ms);
      kill(child, SIGINT);
    });
  }

  testing::TempDir dir;
  FakeService service;
  std::unique_ptr<grpc::Server> server;
};

std::vector<std::string> LinesOf(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_F(RecursionCommand, ListIsWhatItDoesWithoutAVerb) {
  const RunResult list = Run({"recursion", "list", "--sort", "grade", "-l", "command=orders"});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  ASSERT_THAT(LinesOf(list.out), SizeIs(3));
  EXPECT_THAT(LinesOf(list.out)[1], HasSubstr("0123456789abcdef  crashed"));
  EXPECT_EQ(service.listed.selector().command(), "orders");
  EXPECT_EQ(Run({"recursion", "--sort", "grade"}).out, list.out);
  EXPECT_THAT(LinesOf(Run({"recursion", "-n", "1"}).out), SizeIs(2));
}

TEST_F(RecursionCommand, ActiveOnesAlone) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"recursion", "--active"}, {"recursion", "list", "--active"}}) {
    EXPECT_THAT(Run(arguments).out, AllOf(HasSubstr("9f3c12ab00000001"), Not(HasSubstr("crashed"))));
  }
  service.events.clear();
  const RunResult none = Run({"recursion", "--active"});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_THAT(none.err, HasSubstr("no recursion under way"));
}

TEST_F(RecursionCommand, ListAsJson) {
  const Json json = Json::parse(Run({"recursion", "list", "-o", "json"}).out);
  EXPECT_EQ(json["schema"], "profctl.recursion/v1");
  ASSERT_THAT(json["events"], SizeIs(2));
  EXPECT_EQ(json["events"][0]["pid"], 30321);
}

TEST_F(RecursionCommand, ShowTakesTheBeginningOfAnId) {
  const RunResult run = Run({"recursion", "show", "9f"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out.find("RUNAWAY orders (pid 30321): main.(*Config).Get calls itself"), 0u) << run.out;
  EXPECT_THAT(Run({"recursion", "show", "9f", "--color", "always"}).out, HasSubstr("\x1b[1;31mRUNAWAY"));
  const Json json = Json::parse(Run({"recursion", "show", "01", "-o", "json"}).out);
  EXPECT_EQ(json["events"][0]["state"], "crashed");
}

TEST_F(RecursionCommand, AnUnknownIdIsExitOneAndSaysWhatToDo) {
  const RunResult run = Run({"recursion", "show", "ff\x1b"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err,
            "profctl: no recursion story has the id 'ff\\x1b': 'profctl recursion list' shows them with "
            "their ids\n");
  EXPECT_EQ(run.out, "");
}

TEST_F(RecursionCommand, ExitCodesOfTheOthers) {
  EXPECT_EQ(Run({"recursion", "list", "--pid", "99"}).exit_code, 4);
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"recursion", "nonsense"},
                                                                     {"recursion", "show"},
                                                                     {"recursion", "show", ""},
                                                                     {"recursion", "list", "show"},
                                                                     {"recursion", "--sort", "colour"}}) {
    EXPECT_EQ(Run(arguments).exit_code, 2) << arguments.back();
  }
  for (const char* verb : {"list", "watch"}) {
    EXPECT_EQ(testing::RunProfctl({"--address", "unix://" + dir / "nobody.sock", "recursion", verb}).exit_code, 3);
  }
}

TEST_F(RecursionCommand, WatchBeginsWithWhatIsActive) {
  service.changes = {testing::Runaway(), testing::Crashed()};
  service.changes[0].set_grade("proven");
  const RunResult run = Watch({"recursion", "watch"});
  EXPECT_EQ(run.exit_code, 130) << run.err;
  const auto lines = LinesOf(run.out);
  ASSERT_THAT(lines, SizeIs(3)) << run.out;
  EXPECT_THAT(lines[0], HasSubstr("  9f3c12ab00000001  RUNAWAY orders"));
  EXPECT_THAT(lines[1], HasSubstr("it cannot end by itself"));
  EXPECT_THAT(lines[2], HasSubstr("CRASHED orders"));
}

TEST_F(RecursionCommand, WatchWaitsForWhoIsNotThereYet) {
  EXPECT_EQ(Watch({"recursion", "watch", "--pid", "99"}).exit_code, 130);
}

TEST_F(RecursionCommand, WatchAsJsonIsAnObjectALine) {
  const RunResult run = Watch({"recursion", "watch", "-o", "json"});
  EXPECT_EQ(run.exit_code, 130) << run.err;
  ASSERT_THAT(LinesOf(run.out), SizeIs(1));
  EXPECT_EQ(Json::parse(run.out)["id"], "9f3c12ab00000001");
}

TEST_F(RecursionCommand, WatchFlushesEachLine) {
  const std::string command =
      PROFCTL_PATH + std::string(" --address unix:") + dir / "p.sock" + " recursion watch -o json";
  FILE* watch = popen(("exec " + command).c_str(), "r");
  std::string line(1 << 16, '\0');
  ASSERT_NE(fgets(line.data(), static_cast<int>(line.size()), watch), nullptr);
  EXPECT_FALSE(service.stopping) << "it came while the watch was on";
  EXPECT_TRUE(Json::accept(line.c_str())) << line.c_str();
  service.stopping = true;
  EXPECT_EQ(WEXITSTATUS(pclose(watch)), 3);
}

TEST_F(RecursionCommand, WatchEndsWithTheDaemon) {
  const RunResult run = Run({"recursion", "watch"}, [this](pid_t) {
    while (!service.sent) std::this_thread::sleep_for(5ms);
    service.stopping = true;
  });
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("profd was stopped"));
}

TEST_F(RecursionCommand, CompletionKnowsTheVerbsOfAVerb) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = Run({"completion", shell}).out;
    for (const char* word : {"recursion", "list", "watch", "show", "active"}) EXPECT_THAT(script, HasSubstr(word));
  }
  std::ofstream(dir / "c.bash") << Run({"completion", "bash"}).out;
  const auto complete = [this](const std::string& words, int at) {
    const std::string command = "bash -c 'source " + dir / "c.bash" + "; COMP_WORDS=(" + words +
                                "); COMP_CWORD=" + std::to_string(at) + "; _profctl; echo ${COMPREPLY[@]}' >" +
                                dir / "answer";
    EXPECT_EQ(system(command.c_str()), 0);
    std::string answer;
    std::ifstream file(dir / "answer");
    std::getline(file, answer);
    return answer;
  };
  EXPECT_EQ(complete("profctl recursion w", 2), "watch");
  EXPECT_EQ(complete("profctl recursion list --act", 3), "--active");
  EXPECT_EQ(complete("profctl recursion watch --act", 3), "");
  EXPECT_EQ(complete("profctl rec", 1), "record recursion");
}

}  // namespace
}  // namespace profd
