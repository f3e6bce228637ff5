#include "api/http_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace profd {
namespace {

using ::testing::HasSubstr;

constexpr char kToken[] = "0123456789abcdef";

class HttpGuardTest : public ::testing::Test {
 protected:
  /// 200 where the guard has nothing against it.
  int StatusOf(const HttpRequest& request) {
    const auto refusal = guard.Refuse(request);
    return refusal ? refusal->status : 200;
  }
  int StatusOfHost(const std::string& host) {
    return StatusOf({.method = "GET", .path = "/", .query = std::string("token=") + kToken, .host = {host}});
  }

  HttpGuard guard{"profd.example.net", kToken, "/run/profd/http.token"};
  HttpRequest page{.method = "GET", .path = "/", .host = {"localhost:7480"}};
};

TEST_F(HttpGuardTest, MetricsAndHealthAreOpen) {
  for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
    page.path = path;
    EXPECT_EQ(StatusOf(page), 200) << path;
  }
}

TEST_F(HttpGuardTest, MetricsAndHealthAreOpenUnderAnyName) {
  for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
    page.path = path;
    page.host = {"node-7.cluster.example:7480"};
    EXPECT_EQ(StatusOf(page), 200) << path;
    page.host = {};
    EXPECT_EQ(StatusOf(page), 200) << path;
    page.method = "POST";
    EXPECT_EQ(StatusOf(page), 405) << path;
    page.method = "GET";
  }
}

TEST_F(HttpGuardTest, EverythingElseNeedsTheToken) {
  for (const char* path : {"/", "", "/debug/pprof/profile", "/metrics/", "/metricsx", "/nothing", "//metrics"}) {
    page.path = path;
    EXPECT_EQ(StatusOf(page), 401) << path;
  }
}

TEST_F(HttpGuardTest, TheTokenComesInEitherWay) {
  page.query = std::string("seconds=1&token=") + kToken;
  EXPECT_EQ(StatusOf(page), 200);
  page.query.clear();
  page.authorization = std::string("Bearer ") + kToken;
  EXPECT_EQ(StatusOf(page), 200);
  page.authorization = std::string("bearer ") + kToken;
  EXPECT_EQ(StatusOf(page), 200);
}

TEST_F(HttpGuardTest, AWrongTokenIsNoToken) {
  for (const char* query :
       {"token=", "token", "token=0123456789abcdeF", "xtoken=0123456789abcdef", "token=0123456789"}) {
    page.query = query;
    EXPECT_EQ(StatusOf(page), 401) << query;
  }
  page.query.clear();
  for (const char* authorization : {"Bearer", "Bearer ", "Basic 0123456789abcdef", "0123456789abcdef"}) {
    page.authorization = authorization;
    EXPECT_EQ(StatusOf(page), 401) << authorization;
  }
}

TEST_F(HttpGuardTest, TheRefusalSaysWhereTheTokenIsButNotWhatItIs) {
  const auto refusal = guard.Refuse(page);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_THAT(refusal->body, HasSubstr("/run/profd/http.token"));
  EXPECT_THAT(refusal->body, ::testing::Not(HasSubstr(kToken)));
}

TEST_F(HttpGuardTest, AddressesAndOwnNamesAreHosts) {
  for (const char* host : {"127.0.0.1:7480", "127.0.0.1", "[::1]:7480", "[::1]", "localhost", "LOCALHOST:80",
                           "localhost.", "10.0.0.7:7480", "profd.example.net:7480"}) {
    EXPECT_EQ(StatusOfHost(host), 200) << host;
  }
}

TEST_F(HttpGuardTest, ARebindingPageHasAnotherHost) {
  for (const char* host : {"attacker.example", "attacker.example:7480", "localhost.attacker.example",
                           "127.0.0.1.nip.io", "", ":7480", "[", "[]", "127.0.0.1@attacker.example"}) {
    EXPECT_EQ(StatusOfHost(host), 421) << host;
  }
}

TEST_F(HttpGuardTest, ExactlyOneHostIsGiven) {
  page.query = std::string("token=") + kToken;
  page.host = {};
  EXPECT_EQ(StatusOf(page), 421);
  page.host = {"localhost", "attacker.example"};
  EXPECT_EQ(StatusOf(page), 421);
}

TEST_F(HttpGuardTest, OnlyReading) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""}) {
    page.method = method;
    EXPECT_EQ(StatusOf(page), 405) << method;
  }
}

TEST(QueryParameter, TakesTheFirstAndDecodes) {
  EXPECT_EQ(QueryParameter("a=1&b=two%20words&b=3&c", "b"), "two words");
  EXPECT_EQ(QueryParameter("a=1&c", "c"), "");
  EXPECT_EQ(QueryParameter("a=x+y", "a"), "x y");
  EXPECT_EQ(QueryParameter("%61=1", "a"), "1");
  EXPECT_EQ(QueryParameter("a=%zz%4", "a"), "%zz%4");
  EXPECT_EQ(QueryParameter("ab=1&&&", "a"), std::nullopt);
  EXPECT_EQ(QueryParameter("", "a"), std::nullopt);
}

}  // namespace
}  // namespace profd
