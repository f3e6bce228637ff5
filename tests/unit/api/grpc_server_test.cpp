// A real server and a real client over a real socket; only the daemon behind it is a fake.
#include "api/grpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <future>
#include <thread>

#include "api/api_server.h"
#include "pprof/pprof.h"
#include "profd/v1/profiler.grpc.pb.h"
#include "support/fake_backend.h"
#include "support/temp_dir.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class GrpcServerTest : public ::testing::Test {
 protected:
  GrpcServerTest() {
    backend.existing = {10};
    backend.running = {{.process = {.pid = 10,
                                    .start_time_ns = 1000,
                                    .command = "we\xff"
                                               "b"},
                        .cpu = 20ms,
                        .stacks = {{{"main", "serve"}, 3}}}};
    backend.known = {{.process = backend.running[0].process, .ns_pids = {10, 1}, .runtime = "go1.26.1"}};
    backend.outcomes = {{"recorded", 3}};
  }
  void Start(bool reflection = false) {
    auto made = ApiServer::Create(
        {.socket = dir / "p.sock", .socket_group = "no-such-group", .grpc_reflection = reflection}, &backend, &clock);
    ASSERT_TRUE(made.ok()) << made.status();
    server = *std::move(made);
    channel = grpc::CreateChannel("unix:" + dir / "p.sock", grpc::InsecureChannelCredentials());
    stub = v1::Profiler::NewStub(channel);
  }
  grpc::Status GetProfile(const v1::GetProfileRequest& request, v1::GetProfileResponse& response) {
    grpc::ClientContext context;
    return stub->GetProfile(&context, request, &response);
  }
  /// A call by name with one message each way, as a generic client makes it.
  grpc::Status CallByName(const std::string& method, std::string& answer, const std::string& question = "");

  testing::TempDir dir;
  SystemClock clock;
  testing::FakeBackend backend{&clock};
  std::unique_ptr<ApiServer> server;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Profiler::Stub> stub;
};

grpc::Status GrpcServerTest::CallByName(const std::string& method, std::string& answer, const std::string& question) {
  grpc::GenericStub generic(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  grpc::ByteBuffer response;
  grpc::Status status;
  const grpc::Slice slice(question);
  auto call = generic.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&slice, 1), &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (response.Valid() && response.Dump(&slices).ok()) {
    for (const grpc::Slice& piece : slices) answer.append(reinterpret_cast<const char*>(piece.begin()), piece.size());
  }
  return status;
}

TEST_F(GrpcServerTest, TheSocketIsForItsGroupOnly) {
  const mode_t before = umask(0);
  Start();
  umask(before);
  struct stat info {};
  ASSERT_EQ(stat((dir / "p.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
}

TEST_F(GrpcServerTest, AProfileOfTheNextWhileComesBackAsPprof) {
  Start();
  v1::GetProfileRequest request;
  request.mutable_selector()->set_pid(10);
  request.mutable_window()->mutable_next()->set_nanos(50'000'000);
  v1::GetProfileResponse response;
  const grpc::Status status = GetProfile(request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const auto profile = pprof::Decode(response.pprof());
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->samples.size(), 1u);
  EXPECT_EQ(response.samples(), 3u);
  EXPECT_EQ(response.window().outcomes().at("recorded"), 3u);
  EXPECT_EQ(response.window().period().nanos(), 10'000'000);
  EXPECT_EQ(profile->start.time_since_epoch() / 1s, response.window().start().seconds());
}

TEST_F(GrpcServerTest, ErrorsKeepTheirCode) {
  Start();
  v1::GetProfileRequest request;
  v1::GetProfileResponse response;
  request.mutable_selector()->set_pid(99);
  request.mutable_window()->mutable_next()->set_seconds(1);
  EXPECT_EQ(GetProfile(request, response).error_code(), grpc::StatusCode::NOT_FOUND);
  request.mutable_window()->mutable_next()->set_seconds(3601);
  EXPECT_EQ(GetProfile(request, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_window()->mutable_next()->set_seconds(INT64_MAX);
  EXPECT_EQ(GetProfile(request, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(GrpcServerTest, NamesThatAreNoUtf8Arrive) {
  Start();
  grpc::ClientContext context;
  v1::ListProcessesResponse response;
  ASSERT_TRUE(stub->ListProcesses(&context, {}, &response).ok());
  ASSERT_EQ(response.processes_size(), 1);
  EXPECT_EQ(response.processes(0).command(),
            "we\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(response.processes(0).ns_pids_size(), 2);
}

TEST_F(GrpcServerTest, TopAnswersBothQuestions) {
  Start();
  v1::TopRequest request;
  request.mutable_window()->mutable_next()->set_nanos(20'000'000);
  v1::TopResponse processes, functions;
  grpc::ClientContext first, second;
  ASSERT_TRUE(stub->Top(&first, request, &processes).ok());
  ASSERT_EQ(processes.processes_size(), 1);
  EXPECT_GT(processes.processes(0).cpu_percent(), 0);
  EXPECT_EQ(processes.processes(0).process().runtime(), "go1.26.1");
  request.set_functions(true);
  request.mutable_selector()->set_ns_pid(1);
  ASSERT_TRUE(stub->Top(&second, request, &functions).ok());
  ASSERT_EQ(functions.functions_size(), 2);
  EXPECT_EQ(functions.functions(0).name(), "serve");
  EXPECT_EQ(functions.process().pid(), 10u);
}

TEST_F(GrpcServerTest, StatusListsEveryOutcome) {
  backend.status.outcomes = {{"lost_ring_full", 4}};
  Start();
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  ASSERT_TRUE(stub->GetStatus(&context, {}, &response).ok());
  EXPECT_GT(response.outcomes_size(), 5);
  for (const auto& outcome : response.outcomes()) {
    EXPECT_EQ(outcome.count(), outcome.outcome() == "lost_ring_full" ? 4u : 0u);
    EXPECT_FALSE(outcome.kind().empty());
  }
}

TEST_F(GrpcServerTest, StatusTellsWhatWasLeftOut) {
  backend.status.losses = {{.name = "mappings_dropped", .explanation = "Too many mappings.", .count = 3}};
  Start();
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  ASSERT_TRUE(stub->GetStatus(&context, {}, &response).ok());
  ASSERT_EQ(response.losses_size(), 1);
  EXPECT_EQ(response.losses(0).name(), "mappings_dropped");
  EXPECT_EQ(response.losses(0).explanation(), "Too many mappings.");
  EXPECT_EQ(response.losses(0).count(), 3u);
}

TEST_F(GrpcServerTest, ACancelledCallGivesItsPlaceBack) {
  Start();
  v1::GetProfileRequest request;
  request.mutable_window()->mutable_next()->set_seconds(3600);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::future<grpc::StatusCode>> calls;
  for (int i = 0; i < 65; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    calls.push_back(std::async(std::launch::async, [&, context = contexts.back().get()] {
      v1::GetProfileResponse response;
      return stub->GetProfile(context, request, &response).error_code();
    }));
  }
  // One of them finds no place; the others wait until they are cancelled.
  const auto refused = [&calls] {
    return std::ranges::count_if(calls, [](auto& call) { return call.wait_for(0s) == std::future_status::ready; });
  };
  while (refused() == 0) std::this_thread::sleep_for(5ms);
  for (auto& context : contexts) context->TryCancel();
  int exhausted = 0, cancelled = 0;
  for (auto& call : calls) {
    const grpc::StatusCode code = call.get();
    exhausted += code == grpc::StatusCode::RESOURCE_EXHAUSTED;
    cancelled += code == grpc::StatusCode::CANCELLED;
  }
  EXPECT_EQ(exhausted, 1);
  EXPECT_EQ(cancelled, 64);
  // The server notices within a moment.
  request.mutable_window()->mutable_next()->set_seconds(0);
  request.mutable_window()->mutable_next()->set_nanos(10'000'000);
  grpc::Status status;
  v1::GetProfileResponse response;
  for (int attempt = 0; attempt < 500; ++attempt) {
    status = GetProfile(request, response);
    if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) break;
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(GrpcServerTest, ShutdownEndsCallsThatWait) {
  Start();
  v1::GetProfileRequest request;
  request.mutable_window()->mutable_next()->set_seconds(3600);
  auto call = std::async(std::launch::async, [&] {
    v1::GetProfileResponse response;
    return GetProfile(request, response).error_code();
  });
  while (backend.flips == 0) std::this_thread::sleep_for(5ms);
  server->Shutdown();
  EXPECT_NE(call.get(), grpc::StatusCode::OK);
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(dir / "p.sock"));
}

TEST_F(GrpcServerTest, ASecondServerLeavesTheFirstAlone) {
  Start();
  const auto second = ApiServer::Create({.socket = dir / "p.sock"}, &backend, &clock);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  EXPECT_TRUE(stub->GetStatus(&context, {}, &response).ok());
}

// In the wire format of grpc.health.v1: field 1 is the status, 1 is SERVING, 2 is NOT_SERVING.
TEST_F(GrpcServerTest, HealthFollowsTheDaemon) {
  backend.is_ready = false;
  Start();
  std::string answer;
  ASSERT_TRUE(CallByName("/grpc.health.v1.Health/Check", answer).ok());
  EXPECT_EQ(answer, "\x08\x02");
  server->SetServing(true);
  answer.clear();
  ASSERT_TRUE(CallByName("/grpc.health.v1.Health/Check", answer).ok());
  EXPECT_EQ(answer, "\x08\x01");
}

class ReflectionTest : public GrpcServerTest, public ::testing::WithParamInterface<bool> {};

TEST_P(ReflectionTest, IsThereOnlyWhenAskedFor) {
  Start(GetParam());
  std::string services;
  // Field 7 of its request asks for a list of the services.
  const grpc::Status status = CallByName("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", services,
                                         std::string("\x3a\x00", 2));
  EXPECT_EQ(status.error_code() == grpc::StatusCode::OK, GetParam()) << status.error_message();
  EXPECT_EQ(services.find("profd.v1.Profiler") != std::string::npos, GetParam());
}
INSTANTIATE_TEST_SUITE_P(, ReflectionTest, ::testing::Bool());

}  // namespace
}  // namespace profd
