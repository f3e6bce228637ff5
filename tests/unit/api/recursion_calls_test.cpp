// Recursion over a real socket: what is listed, and what is told to those that watch.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <thread>

#include "api/grpc_server.h"
#include "profd/v1/profiler.grpc.pb.h"
#include "support/fake_backend.h"
#include "support/temp_dir.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using testing::BuildStory;
using ::testing::HasSubstr;

const std::string kOne = "0000000000000001", kTwo = "0000000000000002";

/// One client's stream. `Begun` returns once nothing is missed any more.
struct Watch {
  Watch(v1::Profiler::Stub& stub, const v1::WatchRecursionRequest& request)
      : reader(stub.WatchRecursion(&context, request)) {}
  ~Watch() { context.TryCancel(); }

  Watch& Begun() {
    reader->WaitForInitialMetadata();
    return *this;
  }
  /// The next event's id; "" at the end.
  std::string Next() { return reader->Read(&event) ? event.id() : ""; }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::RecursionEvent>> reader;
  v1::RecursionEvent event;
};

class RecursionCallsTest : public ::testing::Test {
 protected:
  RecursionCallsTest() {
    backend.existing = {10, 20};
    web = BuildStory(kOne, {.pid = 10, .start_time_ns = 1000, .command = "web"}, clock.Wall());
    batch = BuildStory(kTwo, {.pid = 20, .start_time_ns = 1000, .command = "batch"}, clock.Wall());
    batch.state = RecursionState::kCrashed;
    backend.known = {{.process = web.process}, {.process = batch.process}};
  }
  void Start() {
    auto made = GrpcServer::Create({.socket = dir / "p.sock"}, &engine, &backend, &clock);
    ASSERT_TRUE(made.ok()) << made.status();
    server = *std::move(made);
    stub = v1::Profiler::NewStub(grpc::CreateChannel("unix:" + dir / "p.sock", grpc::InsecureChannelCredentials()));
  }
  grpc::Status List(const v1::ListRecursionRequest& request, v1::ListRecursionResponse& response) {
    grpc::ClientContext context;
    return stub->ListRecursion(&context, request, &response);
  }
  /// Until the server has noticed what its clients did.
  void AwaitWatchers(size_t count) {
    for (int i = 0; i < 1000 && backend.watchers() != count; ++i) std::this_thread::sleep_for(5ms);
    ASSERT_EQ(backend.watchers(), count);
  }

  testing::TempDir dir;
  SystemClock clock;
  testing::FakeBackend backend{&clock};
  QueryEngine engine{&backend, &clock};
  RecursionEvent web, batch;
  std::unique_ptr<GrpcServer> server;
  std::unique_ptr<v1::Profiler::Stub> stub;
};

TEST_F(RecursionCallsTest, AStoryArrivesWhole) {
  web.grade = RecursionGrade::kGrowing;
  web.process.container = {.name = "app", .id = "abc", .pod = "web-0", .name_space = "shop"};
  web.goroutine = 77;
  web.cycle = {{.name = "main.\xff", .file = "/src/a.go", .line = 12}, {.name = "main.B"}};
  web.entry = {{.name = "main.handle"}};
  web.root = {{.name = "main.main"}};
  web.depth_exact = true;
  web.stack_limit_bytes = 512 << 20;
  web.limit_reason = "goroutine stack limit";
  web.growth_bytes_per_second = 1e6;
  web.seconds_to_overflow = 0.5;
  web.first_seen = WallTime(1'700'000'000s + 5ns);
  web.trigger = RecursionTrigger::kStackGrowth;
  web.reason = "it grows";
  web.positions_verified = 9;
  web.occurrences = 3;
  web.advice = "a guard belongs into main.B";
  web.map = RecursionMap{.address = 0xc000, .type = "map[string]int", .entries = 3, .key_hash = 0xab, .key = "k\xFF"};
  web.history = {{.time = WallTime(1'700'000'001s), .what = "growing: 3 doublings"}};
  backend.stories = {web};
  Start();
  v1::ListRecursionResponse response;
  const grpc::Status status = List({}, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.events_size(), 1);
  const v1::RecursionEvent& event = response.events(0);
  EXPECT_EQ(event.id(), kOne);
  EXPECT_EQ(event.grade(), "growing");
  EXPECT_EQ(event.state(), "active");
  EXPECT_EQ(event.trigger(), "stack_growth");
  EXPECT_EQ(event.pid(), 10u);
  EXPECT_EQ(event.tid(), 10u);
  EXPECT_EQ(event.goroutine(), 77u);
  EXPECT_EQ(event.container().pod(), "web-0");
  ASSERT_EQ(event.cycle_size(), 2);
  EXPECT_EQ(event.cycle(0).name(), "main.\xEF\xBF\xBD");
  EXPECT_EQ(event.cycle(0).line(), 12);
  EXPECT_EQ(event.entry(0).name(), "main.handle");
  EXPECT_EQ(event.root(0).name(), "main.main");
  EXPECT_EQ(event.depth(), web.depth);
  EXPECT_TRUE(event.depth_exact());
  EXPECT_FALSE(event.has_depth_error());
  EXPECT_EQ(event.stack_bytes(), web.stack_bytes);
  EXPECT_EQ(event.stack_limit_bytes(), web.stack_limit_bytes);
  EXPECT_EQ(event.limit_reason(), web.limit_reason);
  EXPECT_EQ(event.growth_bytes_per_second(), 1e6);
  EXPECT_EQ(event.seconds_to_overflow(), 0.5);
  EXPECT_EQ(event.first_seen().seconds(), 1'700'000'000);
  EXPECT_EQ(event.first_seen().nanos(), 5);
  EXPECT_EQ(event.reason(), web.reason);
  EXPECT_EQ(event.positions_verified(), 9u);
  EXPECT_EQ(event.occurrences(), 3u);
  EXPECT_EQ(event.advice(), web.advice);
  EXPECT_EQ(event.map().address(), 0xc000u);
  EXPECT_EQ(event.map().type(), "map[string]int");
  EXPECT_EQ(event.map().entries(), 3u);
  EXPECT_EQ(event.map().key_hash(), "00000000000000ab");
  EXPECT_EQ(event.map().key(), "k\xEF\xBF\xBD");
  ASSERT_EQ(event.history_size(), 1);
  EXPECT_EQ(event.history(0).what(), "growing: 3 doublings");
}

TEST_F(RecursionCallsTest, WhatIsNotKnownIsNotSet) {
  backend.stories = {batch};
  Start();
  v1::ListRecursionResponse response;
  ASSERT_TRUE(List({}, response).ok());
  EXPECT_FALSE(response.events(0).has_seconds_to_overflow());
  EXPECT_FALSE(response.events(0).has_container());
}

TEST_F(RecursionCallsTest, ListsAreSelected) {
  backend.stories = {batch, web};
  Start();
  v1::ListRecursionRequest request;
  v1::ListRecursionResponse response;
  request.set_active_only(true);
  ASSERT_TRUE(List(request, response).ok());
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).id(), kOne);
  request.set_active_only(false);
  request.mutable_selector()->set_command("batch");
  ASSERT_TRUE(List(request, response).ok());
  EXPECT_EQ(response.events(0).id(), kTwo);
  request.set_id("nonsense");
  EXPECT_EQ(List(request, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_id("00000000000000ff");
  EXPECT_EQ(List(request, response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(RecursionCallsTest, TopCarriesStoriesAndStates) {
  backend.stories = {web};
  backend.running = {{.process = web.process, .cpu = 20ms, .stacks = {{{"main", "serve"}, 3}}}};
  Start();
  v1::TopRequest request;
  request.mutable_window()->mutable_next()->set_nanos(20'000'000);
  v1::TopResponse processes, functions;
  grpc::ClientContext first, second;
  ASSERT_TRUE(stub->Top(&first, request, &processes).ok());
  EXPECT_EQ(processes.processes(0).state(), "RUNAWAY");
  ASSERT_EQ(processes.recursion_size(), 1);
  EXPECT_EQ(processes.recursion(0).id(), kOne);
  request.set_functions(true);
  request.mutable_selector()->set_pid(10);
  ASSERT_TRUE(stub->Top(&second, request, &functions).ok());
  EXPECT_EQ(functions.recursion_size(), 1);
}

TEST_F(RecursionCallsTest, AWatchTellsOfChangesInTheirOrder) {
  backend.stories = {batch};
  Start();
  Watch watch(*stub, {});
  watch.Begun();
  backend.Tell(web);
  web.grade = RecursionGrade::kProven;
  backend.Tell(web);
  EXPECT_EQ(watch.Next(), kOne);
  EXPECT_EQ(watch.event.grade(), "projected");
  EXPECT_EQ(watch.Next(), kOne);
  EXPECT_EQ(watch.event.grade(), "proven");
}

TEST_F(RecursionCallsTest, AWatchBeginsWithWhatIsThereIfAsked) {
  backend.stories = {batch, web};
  Start();
  v1::WatchRecursionRequest request;
  request.set_send_existing(true);
  request.mutable_selector()->set_pid(20);
  Watch watch(*stub, request);
  EXPECT_EQ(watch.Next(), kTwo);
  backend.Tell(web);
  batch.state = RecursionState::kActive;
  backend.Tell(batch);
  EXPECT_EQ(watch.Next(), kTwo) << "not of the other process";
  EXPECT_EQ(watch.event.state(), "active");
}

TEST_F(RecursionCallsTest, AWatchOfWhatIsStillToCome) {
  Start();
  v1::WatchRecursionRequest request;
  request.set_send_existing(true);
  request.mutable_selector()->set_command("later");
  Watch watch(*stub, request);
  watch.Begun();
  web.process.command = "later";
  backend.Tell(web);
  EXPECT_EQ(watch.Next(), kOne);
  request.mutable_selector()->set_pid(99);
  Watch nobody(*stub, request);
  EXPECT_EQ(nobody.Next(), "");
  EXPECT_EQ(nobody.reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(RecursionCallsTest, AnEventIsWithTheClientWithinAMillisecond) {
  Start();
  Watch watch(*stub, {});
  watch.Begun();
  auto least = std::chrono::nanoseconds::max();
  for (int i = 0; i < 50; ++i) {
    // Long enough for the server's thread to wait again.
    std::this_thread::sleep_for(2ms);
    const auto told = std::chrono::steady_clock::now();
    backend.Tell(web);
    ASSERT_EQ(watch.Next(), kOne);
    least = std::min<std::chrono::nanoseconds>(least, std::chrono::steady_clock::now() - told);
  }
  EXPECT_LT(least, 1ms);
}

TEST_F(RecursionCallsTest, AClientThatDoesNotReadIsToldOrCutOff) {
  Start();
  Watch watch(*stub, {});
  watch.Begun();
  web.reason = std::string(4096, 'x');
  // More than the socket's buffers and the queue hold.
  for (int i = 0; i < 20'000 && backend.watchers() > 0; ++i) backend.Tell(web);
  AwaitWatchers(0);
  while (!watch.Next().empty()) {}
  EXPECT_THAT(watch.reader->Finish().error_code(),
              ::testing::AnyOf(grpc::StatusCode::RESOURCE_EXHAUSTED, grpc::StatusCode::CANCELLED));
}

TEST_F(RecursionCallsTest, AClientThatLeavesGivesItsPlaceBack) {
  constexpr size_t kMax = 32;
  Start();
  std::vector<std::unique_ptr<Watch>> watches;
  for (size_t i = 0; i < kMax; ++i) watches.push_back(std::make_unique<Watch>(*stub, v1::WatchRecursionRequest()));
  for (auto& watch : watches) watch->Begun();
  {
    Watch refused(*stub, {});
    EXPECT_EQ(refused.Next(), "");
    const grpc::Status status = refused.reader->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(status.error_message(), HasSubstr("32 clients watch"));
  }
  backend.Tell(web);
  for (auto& watch : watches) EXPECT_EQ(watch->Next(), kOne);
  watches.clear();
  AwaitWatchers(0);
  Watch again(*stub, {});
  again.Begun();
  AwaitWatchers(1);
}

TEST_F(RecursionCallsTest, ShutdownEndsWatches) {
  Start();
  Watch watch(*stub, {});
  watch.Begun();
  const auto begin = std::chrono::steady_clock::now();
  server->Shutdown();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_EQ(watch.Next(), "");
  const grpc::Status status = watch.reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("profd stops"));
  EXPECT_EQ(backend.watchers(), 0u);
}

}  // namespace
}  // namespace profd
