#include "api/http_guard.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "api/http_token.h"
#include "base/status.h"

namespace profd {
namespace {

std::string LowerCase(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// `host:port`, `[v6]:port` or either without the port; the brackets go too.
std::string WithoutPort(const std::string& host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

bool IsAddress(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::string OwnName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? LowerCase(name) : "";
}

bool IsOpen(const std::string& path) { return path == "/metrics" || path == "/healthz" || path == "/readyz"; }

bool BeginsWithBearer(const std::string& authorization) {
  constexpr size_t kLength = 7;
  return LowerCase(authorization.substr(0, kLength)) == "bearer ";
}

}  // namespace

HttpGuard::HttpGuard(std::string bound_host, std::string token, std::string token_file)
    : bound_host_(LowerCase(std::move(bound_host))),
      own_name_(OwnName()),
      token_(std::move(token)),
      token_file_(std::move(token_file)) {}

bool HttpGuard::HostAllowed(const HttpRequest& request) const {
  if (request.host.size() != 1) return false;
  std::string host = LowerCase(WithoutPort(request.host.front()));
  if (host.ends_with('.')) host.pop_back();
  if (host.empty()) return false;
  return IsAddress(host) || host == "localhost" || host == bound_host_ || host == own_name_;
}

bool HttpGuard::TokenGiven(const HttpRequest& request) const {
  if (token_.empty()) return false;
  if (BeginsWithBearer(request.authorization)) return SameSecret(request.authorization.substr(7), token_);
  const std::optional<std::string> parameter = QueryParameter(request.query, "token");
  return parameter && SameSecret(*parameter, token_);
}

std::optional<HttpResponse> HttpGuard::Refuse(const HttpRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    return HttpResponse{.status = 405, .body = "only GET and HEAD\n", .extra_headers = "Allow: GET, HEAD\r\n"};
  }
  if (IsOpen(request.path)) return std::nullopt;
  if (!HostAllowed(request)) {
    return HttpResponse{.status = 421,
                        .body =
                            "this address is not served under that host name: use the IP address or "
                            "localhost\n"};
  }
  if (TokenGiven(request)) return std::nullopt;
  return HttpResponse{
      .status = 401,
      .body = fmt::format("This needs profd's token, which is in {} on the machine that profd runs on.\n"
                          "Send it as 'Authorization: Bearer TOKEN' or as '?token=TOKEN'; 'profctl url' prints an "
                          "address with it.\n",
                          token_file_),
      .extra_headers = "WWW-Authenticate: Bearer realm=\"profd\"\r\n"};
}

}  // namespace profd
