// HTTP requests and responses as the handlers see them, whatever library carries them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace profd {

struct HttpRequest {
  std::string method;
  std::string path;               ///< decoded, without `..`
  std::string query;              ///< after `?`, as sent
  std::vector<std::string> host;  ///< every Host header
  std::string authorization;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string extra_headers;  ///< whole lines, each with its CRLF
};

/// The first value of `name` in a query, decoded. Nothing when it is not there.
std::optional<std::string> QueryParameter(std::string_view query, std::string_view name);

}  // namespace profd
