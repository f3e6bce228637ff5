// profd's API, without gRPC's headers.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "profd/v1/profiler.pb.h"

namespace profd::profctl {

/// Called about ten times a second while a call is under way. False: give it up.
using Tick = std::function<bool()>;
using OnRecursion = std::function<void(const v1::RecursionEvent&)>;

/// One thread. Errors keep the daemon's code and message; besides those: Unavailable, nobody listens there;
/// PermissionDenied, this user may not; InvalidArgument, no address; Cancelled, `tick` said so.
class Client {
 public:
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& address);
  virtual ~Client() = default;

  virtual absl::StatusOr<v1::ListProcessesResponse> ListProcesses(const v1::ListProcessesRequest& request) = 0;
  virtual absl::StatusOr<v1::GetStatusResponse> GetStatus() = 0;
  virtual absl::StatusOr<v1::SetProbesResponse> SetProbes(const v1::SetProbesRequest& request) = 0;
  virtual absl::StatusOr<v1::ListRecursionResponse> ListRecursion(const v1::ListRecursionRequest& request) = 0;
  virtual absl::StatusOr<v1::ListMapSitesResponse> ListMapSites(const v1::ListMapSitesRequest& request,
                                                                const Tick& tick) = 0;
  virtual absl::StatusOr<v1::TopResponse> Top(const v1::TopRequest& request, const Tick& tick) = 0;
  virtual absl::StatusOr<v1::GetProfileResponse> GetProfile(const v1::GetProfileRequest& request, const Tick& tick) = 0;
  /// Calls `on_event` for each change until `tick` has had enough or the daemon ends, so it never returns OK.
  virtual absl::Status WatchRecursion(const v1::WatchRecursionRequest& request, const OnRecursion& on_event,
                                      const Tick& tick) = 0;
};

}  // namespace profd::profctl
