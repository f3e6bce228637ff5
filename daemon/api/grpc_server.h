// The gRPC service profd.v1.Profiler, with grpc.health.v1.Health, on a unix socket.
#pragma once

#include <memory>
#include <string>

#include "api/call_control.h"
#include "base/status.h"
#include "query/query_engine.h"

namespace profd {

struct GrpcServerOptions {
  std::string socket;
  std::string group;        ///< may use the socket
  bool reflection = false;  ///< serve grpc.reflection too
};

/// Serves on gRPC's own threads from Create to the end of its life; `Shutdown` ends calls that wait. Changes the
/// process's umask for the moment in which the socket is made, so create it before threads that make files.
class GrpcServer {
 public:
  /// FailedPrecondition: the socket is in use, or cannot be made. `engine`, `backend` and `clock` outlive the server.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Create(const GrpcServerOptions& options, const QueryEngine* engine,
                                                            Backend* backend, const Clock* clock);
  virtual ~GrpcServer() = default;

  /// What the health service says of profd.v1.Profiler and of the whole server.
  virtual void SetServing(bool serving) = 0;
  virtual void Shutdown() = 0;
};

}  // namespace profd
