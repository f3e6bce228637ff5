#include "api/http_server.h"

#include <civetweb.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <future>
#include <mutex>
#include <optional>
#include <type_traits>

#include "api/http_handlers.h"
#include "api/http_token.h"
#include "base/unique_fd.h"

namespace profd {
namespace {

struct Address {
  std::string host;
  std::string port;
};

absl::StatusOr<Address> ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  Address address;
  if (colon != std::string::npos) address = {text.substr(0, colon), text.substr(colon + 1)};
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const bool digits = !address.port.empty() && address.port.size() <= 5 &&
                      address.port.find_first_not_of("0123456789") == std::string::npos;
  if (address.host.empty() || !digits || std::stoi(address.port) > 65535) {
    return Error(absl::StatusCode::kInvalidArgument, "'{}' is no HTTP address: it must be ADDRESS:PORT", text);
  }
  if (address.host == "localhost") address.host = "127.0.0.1";
  return address;
}

std::string ListeningPort(const Address& address) {
  if (address.host.find(':') == std::string::npos) return address.host + ":" + address.port;
  return "[" + address.host + "]:" + address.port;
}

std::string_view Reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 421: return "Misdirected Request";
    case 429: return "Too Many Requests";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
  }
}

HttpRequest ReadRequest(const mg_connection* connection) {
  const mg_request_info& info = *mg_get_request_info(connection);
  HttpRequest request{.method = info.request_method,
                      .path = info.local_uri == nullptr ? "" : info.local_uri,
                      .query = info.query_string == nullptr ? "" : info.query_string};
  for (int i = 0; i < info.num_headers; ++i) {
    const char* value = info.http_headers[i].value;
    if (strcasecmp(info.http_headers[i].name, "Host") == 0) request.host.emplace_back(value);
    if (strcasecmp(info.http_headers[i].name, "Authorization") == 0) request.authorization = value;
  }
  return request;
}

void Write(mg_connection* connection, const HttpRequest& request, const HttpResponse& response) {
  // The token may be part of the address, so no referrer leaves the page.
  const std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n"
      "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n{}\r\n",
      response.status, Reason(response.status), response.content_type, response.body.size(), response.extra_headers);
  if (mg_write(connection, head.data(), head.size()) <= 0 || request.method == "HEAD") return;
  mg_write(connection, response.body.data(), response.body.size());
}

/// For a request that cannot even be kept: makes nothing itself.
int WriteNoRoom(mg_connection* connection) {
  constexpr std::string_view kHead =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n";
  constexpr std::string_view kBody = "profd has no memory or no thread left to answer this: try again later\n";
  const bool head_only = std::string_view(mg_get_request_info(connection)->request_method) == "HEAD";
  if (mg_write(connection, kHead.data(), kHead.size()) > 0 && !head_only) {
    mg_write(connection, kBody.data(), kBody.size());
  }
  return 503;
}

/// Begins a connection and drops it.
void Connect(const std::string& host, int port) {
  addrinfo hints{.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return;
  const UniqueFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  (void)connect(fd.get(), found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
}

class HttpServerImpl final : public HttpServer {
 public:
  explicit HttpServerImpl(std::unique_ptr<HttpHandlers> handlers) : handlers_(std::move(handlers)) {}
  ~HttpServerImpl() override { Shutdown(); }

  absl::Status Start(const Address& address);
  int port() const override { return port_; }
  void Shutdown() override;

 private:
  static int OnRequest(mg_connection* connection) noexcept;
  static int OnLog(const mg_connection* connection, const char* message);

  std::unique_ptr<HttpHandlers> handlers_;
  mg_context* context_ = nullptr;
  std::mutex log_mutex_;
  std::string log_;  // the first message, which is that of a failed start; later ones are about clients
  std::string host_;
  int port_ = 0;
};

int HttpServerImpl::OnRequest(mg_connection* connection) noexcept {
  auto* self = static_cast<HttpServerImpl*>(mg_get_request_info(connection)->user_data);
  try {
    const HttpRequest request = ReadRequest(connection);
    // On a thread of its own, as the library's have stacks of 100 KB.
    const HttpResponse response =
        std::async(std::launch::async, [&] { return self->handlers_->Handle(request); }).get();
    Write(connection, request, response);
    return response.status;
  } catch (...) {
    // No memory or no thread. Nothing was written yet: Write fails before its first byte or not at all.
    return WriteNoRoom(connection);
  }
}

int HttpServerImpl::OnLog(const mg_connection* connection, const char* message) {
  if (connection == nullptr) return 1;
  auto* self = static_cast<HttpServerImpl*>(mg_get_user_data(mg_get_context(connection)));
  std::lock_guard lock(self->log_mutex_);
  if (self->log_.empty()) self->log_ = message;
  return 1;
}

void HttpServerImpl::Shutdown() {
  handlers_->Stop();
  if (context_ == nullptr) return;
  std::future<void> stopped = std::async(std::launch::async, mg_stop, std::exchange(context_, nullptr));
  // The library looks for its end every two seconds, or when somebody connects.
  while (stopped.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) Connect(host_, port_);
}

absl::Status HttpServerImpl::Start(const Address& address) {
  const std::string listening = ListeningPort(address);
  const std::array options{"listening_ports",
                           listening.c_str(),
                           "num_threads",
                           "24",
                           "request_timeout_ms",
                           "2000",
                           "enable_keep_alive",
                           "no",
                           "max_request_size",
                           "16384",
                           "listen_backlog",
                           "64",
                           static_cast<const char*>(nullptr)};
  mg_callbacks callbacks{};
  callbacks.begin_request = OnRequest;
  callbacks.log_message = OnLog;
  std::array<char, 256> text{};
  unsigned code = 0;
  mg_error_data error{};
  error.text = text.data();
  error.text_buffer_size = text.size();
  // A pointer up to civetweb 1.15, a number from 1.16 on.
  [&code](auto& data) {
    if constexpr (std::is_pointer_v<decltype(data.code)>) data.code = &code;
  }(error);
  mg_init_data init{&callbacks, this, const_cast<const char**>(options.data())};
  mg_context* context = mg_start2(&init, &error);
  if (context == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 "cannot listen on http://{}: {}. Is the address in use? Choose "
                 "another with --http",
                 listening, log_.empty() ? text.data() : log_.c_str());
  }
  context_ = context;
  host_ = address.host;
  mg_server_port ports[1] = {};
  if (mg_get_server_ports(context_, 1, ports) == 1) port_ = ports[0].port;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(const HttpServerOptions& options,
                                                               const QueryEngine* engine, const Backend* backend) {
  ASSIGN_OR_RETURN(const Address address, ParseAddress(options.address));
  ASSIGN_OR_RETURN(std::string token, LoadOrMakeHttpToken(options.token_file, options.group));
  HttpGuard guard(address.host, std::move(token), options.token_file);
  auto server = std::make_unique<HttpServerImpl>(
      std::make_unique<HttpHandlers>(std::move(guard), engine, backend, options.metrics));
  RETURN_IF_ERROR(server->Start(address));
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace profd
