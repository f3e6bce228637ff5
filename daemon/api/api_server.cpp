#include "api/api_server.h"

namespace profd {

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Create(const ApiOptions& options, Backend* backend,
                                                             const Clock* clock) {
  std::unique_ptr<ApiServer> server(new ApiServer(backend, clock));
  const GrpcServerOptions grpc{options.socket, options.socket_group, options.grpc_reflection};
  ASSIGN_OR_RETURN(server->grpc_, GrpcServer::Create(grpc, &server->engine_, backend, clock));
  if (options.http.empty()) return server;
  const HttpServerOptions http{options.http, options.http_token_file, options.socket_group, options.metrics};
  ASSIGN_OR_RETURN(server->http_, HttpServer::Create(http, &server->engine_, backend));
  const std::string host = options.http.substr(0, options.http.rfind(':'));
  server->http_address_ = fmt::format("{}:{}", host, server->http_->port());
  return server;
}

void ApiServer::Shutdown() {
  if (http_) http_->Shutdown();
  grpc_->Shutdown();
}

}  // namespace profd
