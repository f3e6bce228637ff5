// Who may ask what over HTTP.
#pragma once

#include <optional>
#include <string>

#include "api/http_request.h"

namespace profd {

/// Immutable, thread safe.
class HttpGuard {
 public:
  /// `bound_host`: the host that the server was told to listen on. `token_file` is named to those who lack the token.
  HttpGuard(std::string bound_host, std::string token, std::string token_file);

  /// The refusal, if it is one: 405 for methods other than GET and HEAD. Then nothing more is asked of `/metrics`,
  /// `/healthz` and `/readyz`, which are scraped under any name. Elsewhere 421 for a Host that is no address, no name
  /// of loopback or of this machine (a page that rebinds its DNS name to us has another), and 401 without the token.
  std::optional<HttpResponse> Refuse(const HttpRequest& request) const;

 private:
  bool HostAllowed(const HttpRequest& request) const;
  bool TokenGiven(const HttpRequest& request) const;

  std::string bound_host_;
  std::string own_name_;
  std::string token_;
  std::string token_file_;
};

}  // namespace profd
