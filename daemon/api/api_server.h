// Everything that clients can reach: gRPC on the unix socket, HTTP on a port.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/grpc_server.h"
#include "api/http_server.h"

namespace profd {

struct ApiOptions {
  std::string socket;
  std::string socket_group;  ///< may use the socket and read the token file
  bool grpc_reflection = false;
  std::string http;  ///< `host:port`; empty: no HTTP
  std::string http_token_file;
  std::function<std::string()> metrics;  ///< Prometheus's text format
};

/// Serves from Create to Shutdown or the end of its life. Create it before threads that make files (see GrpcServer).
class ApiServer {
 public:
  /// FailedPrecondition: the socket or port is in use, whose owner is left alone. `backend` and `clock` outlive it.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Create(const ApiOptions& options, Backend* backend,
                                                           const Clock* clock);

  /// What gRPC's health service says; `/readyz` asks the backend itself.
  void SetServing(bool serving) { grpc_->SetServing(serving); }
  /// Where HTTP is served: "127.0.0.1:7480", empty when off.
  const std::string& http_address() const { return http_address_; }
  void Shutdown();

 private:
  ApiServer(Backend* backend, const Clock* clock) : engine_(backend, clock) {}

  QueryEngine engine_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpServer> http_;
  std::string http_address_;
};

}  // namespace profd
