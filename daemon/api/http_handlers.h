// What each HTTP path answers.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>

#include "api/call_control.h"
#include "api/http_guard.h"
#include "api/http_request.h"
#include "query/query_engine.h"

namespace profd {

/// Thread safe. `/debug/pprof/profile` blocks for its seconds, at most `kMaxProfiles` at once; `Stop` ends those.
class HttpHandlers {
 public:
  static constexpr int kMaxProfiles = 4;

  /// `metrics` renders Prometheus's text format: anybody may ask, so it takes a tenth of a CPU at most, and who asks
  /// more often gets what there was a moment ago, a second at most. What is pointed to outlives this.
  HttpHandlers(HttpGuard guard, const QueryEngine* engine, const Backend* backend, std::function<std::string()> metrics)
      : guard_(std::move(guard)), engine_(engine), backend_(backend), metrics_(std::move(metrics)) {}

  HttpResponse Handle(const HttpRequest& request);
  void Stop() { stop_.Set(); }

 private:
  HttpResponse Route(const HttpRequest& request);
  std::string Metrics();
  HttpResponse Profile(const HttpRequest& request);
  absl::StatusOr<std::string> TakeProfile(const HttpRequest& request);

  HttpGuard guard_;
  const QueryEngine* engine_;
  const Backend* backend_;
  std::function<std::string()> metrics_;
  std::mutex metrics_mutex_;
  std::string metrics_page_;  // under metrics_mutex_, as the next
  std::chrono::steady_clock::time_point metrics_good_until_{};
  StopSignal stop_;
  Slots profiles_{kMaxProfiles};
};

}  // namespace profd
