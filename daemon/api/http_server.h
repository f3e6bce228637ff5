// The HTTP server: a thin shell around HttpHandlers.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "query/query_engine.h"

namespace profd {

struct HttpServerOptions {
  std::string address;  ///< `host:port`, `[v6]:port`; port 0: any that is free
  std::string token_file;
  std::string group;                     ///< may read the token file
  std::function<std::string()> metrics;  ///< Prometheus's text format; called from several threads
};

/// Serves on eight threads from Create to the end of its life. A request must arrive whole within 5 seconds and 16 KiB.
/// One that there is no memory or thread for is answered with 503.
class HttpServer {
 public:
  /// InvalidArgument: no address. FailedPrecondition: it is in use, or the token file is unfit.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Create(const HttpServerOptions& options, const QueryEngine* engine,
                                                            const Backend* backend);
  virtual ~HttpServer() = default;

  virtual int port() const = 0;
  /// Ends profiles that are being taken, then all requests.
  virtual void Shutdown() = 0;
};

}  // namespace profd
