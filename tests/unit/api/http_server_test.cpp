// Real requests over real connections, byte by byte.
#include "api/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <new>
#include <thread>

#include "api/http_handlers.h"
#include "api/http_token.h"
#include "base/unique_fd.h"
#include "pprof/pprof.h"
#include "support/fake_backend.h"
#include "support/temp_dir.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    backend.existing = {10, 11};
    backend.running = {{.process = {.pid = 10, .command = "web"}, .cpu = 20ms, .stacks = {{{"main", "serve"}, 3}}},
                       {.process = {.pid = 11, .command = "db"}, .cpu = 20ms, .stacks = {{{"main", "scan"}, 4}}}};
  }
  void SetUp() override {
    auto made = Create("127.0.0.1:0");
    ASSERT_TRUE(made.ok()) << made.status();
    server = *std::move(made);
  }
  absl::StatusOr<std::unique_ptr<HttpServer>> Create(const std::string& address) {
    const auto metrics = [this] {
      ++pages;
      std::this_thread::sleep_for(page_takes);
      return memory_is_out ? throw std::bad_alloc() : std::string("m 1\n");
    };
    return HttpServer::Create({.address = address, .token_file = dir / "token", .metrics = metrics}, &engine, &backend);
  }
  UniqueFd Connect() const {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(server->port()))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // A server that never answers is a failure, not a wait.
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static std::string ReadAll(int fd) {
    std::string answer;
    char piece[4096];
    ssize_t length = 0;
    while ((length = read(fd, piece, sizeof piece)) > 0) answer.append(piece, static_cast<size_t>(length));
    return answer;
  }
  std::string Send(const std::string& request) const {
    const UniqueFd fd = Connect();
    EXPECT_EQ(send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    return ReadAll(fd.get());
  }
  std::string Get(const std::string& target, const std::string& headers = "") const {
    return Send("GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + "\r\n");
  }
  std::string Token() const { return *LoadOrMakeHttpToken(dir / "token", ""); }
  static std::string BodyOf(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

  testing::TempDir dir;
  SystemClock clock;
  testing::FakeBackend backend{&clock};
  QueryEngine engine{&backend, &clock};
  std::atomic<bool> memory_is_out{false};
  std::atomic<int> pages = 0;
  std::chrono::milliseconds page_takes{0};
  std::unique_ptr<HttpServer> server;
};

TEST_F(HttpServerTest, MetricsAndHealthNeedNoToken) {
  EXPECT_THAT(Get("/metrics"), StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"));
  EXPECT_EQ(BodyOf(Get("/metrics")), "m 1\n");
  EXPECT_EQ(BodyOf(Get("/healthz")), "ok\n");
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200"));
  backend.is_ready = false;
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(BodyOf(Get("/healthz")), "ok\n");
}

TEST_F(HttpServerTest, WhoAsksForMetricsWithoutEndGetsWhatThereWasAMomentAgo) {
  page_takes = 300ms;  // good for a second
  const std::string page = Get("/metrics");
  EXPECT_EQ(Get("/metrics"), page);
  EXPECT_EQ(pages, 1);
  std::this_thread::sleep_for(1100ms);
  Get("/metrics");
  EXPECT_EQ(pages, 2);
}

TEST_F(HttpServerTest, ThePageNeedsTheToken) {
  EXPECT_THAT(Get("/"), AllOf(StartsWith("HTTP/1.1 401"), HasSubstr(dir / "token")));
  EXPECT_THAT(Get("/?token=" + Token()), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("profd")));
  EXPECT_THAT(Get("/", "Authorization: Bearer " + Token() + "\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, PathsThatOnlyLookOpenAreNot) {
  for (const char* target :
       {"/metrics/../", "/healthz/../debug/pprof/profile", "/metrics%2f..%2fdebug/pprof/profile", "//", "/%2e%2e/"}) {
    EXPECT_THAT(Get(target), Not(StartsWith("HTTP/1.1 200"))) << target;
  }
}

TEST_F(HttpServerTest, AProfileIsGzippedPprofOfTheAskedProcess) {
  const std::string answer = Get("/debug/pprof/profile?seconds=1&pid=11&token=" + Token());
  ASSERT_THAT(answer, StartsWith("HTTP/1.1 200")) << answer;
  EXPECT_THAT(BodyOf(answer), StartsWith("\x1f\x8b"));
  const auto profile = pprof::Decode(BodyOf(answer));
  ASSERT_TRUE(profile.ok()) << profile.status();
  ASSERT_EQ(profile->processes.size(), 1u);
  EXPECT_EQ(profile->processes[0].command, "db");
}

TEST_F(HttpServerTest, BadParametersAreNamed) {
  const std::string base = "/debug/pprof/profile?token=" + Token();
  EXPECT_THAT(Get(base + "&seconds=3601"), AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("3600")));
  for (const char* bad : {"&seconds=0", "&seconds=-1", "&seconds=abc", "&seconds=", "&seconds=99999999999999999999"}) {
    EXPECT_THAT(Get(base + bad), AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("seconds"))) << bad;
  }
  EXPECT_THAT(Get(base + "&pid=x"), AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("pid")));
  EXPECT_THAT(Get(base + "&seconds=1&pid=99"), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("no such process: pid 99")));
}

TEST_F(HttpServerTest, ARebindingHostIsRefused) {
  const std::string page = "GET /?token=" + Token() + " HTTP/1.1\r\n";
  EXPECT_THAT(Send(page + "Host: attacker.example\r\n\r\n"), StartsWith("HTTP/1.1 421"));
  EXPECT_THAT(Send(page + "Host: localhost\r\nHost: attacker.example\r\n\r\n"), Not(HasSubstr("200 OK")));
}

TEST_F(HttpServerTest, MetricsAreScrapedUnderAnyName) {
  EXPECT_THAT(Send("GET /metrics HTTP/1.1\r\nHost: node-7.cluster.example:7480\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, ARequestWithoutAThreadForItIsRefused) {
  pthread_attr_t usual;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  pthread_attr_t vast;
  pthread_attr_init(&vast);
  // No address space has room for such a stack, so no thread can be made.
  ASSERT_EQ(pthread_attr_setstacksize(&vast, size_t{1} << 60), 0);
  ASSERT_EQ(pthread_setattr_default_np(&vast), 0);
  const std::string answer = Get("/healthz");
  ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("no thread left")));
  EXPECT_EQ(BodyOf(Get("/healthz")), "ok\n");
}

TEST_F(HttpServerTest, ARequestWithoutMemoryForItIsRefused) {
  memory_is_out = true;
  EXPECT_THAT(Get("/metrics"), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("no memory")));
  EXPECT_EQ(BodyOf(Send("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")), "");
  memory_is_out = false;
  EXPECT_EQ(BodyOf(Get("/metrics")), "m 1\n");
}

TEST_F(HttpServerTest, OnlyReading) {
  EXPECT_THAT(Send("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"),
              StartsWith("HTTP/1.1 405"));
  const std::string head = Send("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(BodyOf(head), "");
}

TEST_F(HttpServerTest, EndlessHeadersAreCutOff) {
  const UniqueFd fd = Connect();
  std::string request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n";
  const std::string line = "X: " + std::string(1000, 'y') + "\r\n";
  ssize_t sent = 1;
  size_t total = 0;
  while (sent > 0 && total < 64u << 20) {
    sent = send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    total += sent > 0 ? static_cast<size_t>(sent) : 0;
    request = line;
  }
  EXPECT_LE(sent, 0) << "took " << total << " bytes of headers";
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, ProfilesLeaveRoomForScrapes) {
  const std::string target = "/debug/pprof/profile?seconds=3600&token=" + Token();
  std::vector<UniqueFd> waiting;
  for (int i = 0; i < HttpHandlers::kMaxProfiles; ++i) {
    waiting.push_back(Connect());
    const std::string request = "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    ASSERT_GT(send(waiting.back().get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
  }
  while (backend.flips < HttpHandlers::kMaxProfiles) std::this_thread::sleep_for(5ms);
  EXPECT_THAT(Get(target), StartsWith("HTTP/1.1 429"));
  EXPECT_THAT(Get("/metrics"), StartsWith("HTTP/1.1 200"));
  server->Shutdown();
  EXPECT_THAT(ReadAll(waiting[0].get()), Not(HasSubstr("200 OK"))) << "the end of the server ends them";
}

TEST_F(HttpServerTest, AUsedPortIsAnError) {
  const auto second = Create("127.0.0.1:" + std::to_string(server->port()));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(second.status()), HasSubstr("in use"));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, WhatIsNoAddressIsAnError) {
  for (const char* address : {"", "7480", "127.0.0.1", ":7480", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x",
                              "127.0.0.1:1,0.0.0.0:2", "127.0.0.1:443s"}) {
    EXPECT_FALSE(Create(address).ok()) << address;
  }
}

}  // namespace
}  // namespace profd
