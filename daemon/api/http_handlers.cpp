#include "api/http_handlers.h"

#include <charconv>

#include "base/version.h"
#include "pprof/pprof.h"

namespace profd {
namespace {

constexpr uint32_t kDefaultSeconds = 30;  // what Go's own endpoint takes

constexpr std::string_view kIndex = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>profd</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em}}</style>
</head><body>
<h1>profd {}</h1>
<p>Profiles every process of this machine, all the time.</p>
<ul>
<li><a href="/debug/pprof/profile?seconds=10{}">/debug/pprof/profile?seconds=10</a>: the next ten seconds of all
processes, for <code>go tool pprof</code>. <code>&amp;pid=P</code> takes one process.</li>
<li><a href="/metrics">/metrics</a>: for Prometheus.</li>
<li><a href="/healthz">/healthz</a> and <a href="/readyz">/readyz</a>: is it alive, does it sample?</li>
</ul>
<p><code>profctl top</code> and <code>profctl top --pid P</code> show the same in a terminal.</p>
</body></html>
)";

int HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument: return 400;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kOutOfRange: return 404;
    case absl::StatusCode::kResourceExhausted: return 429;
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnavailable: return 503;
    default: return 500;
  }
}

HttpResponse Failure(const absl::Status& status) {
  return {.status = HttpStatusOf(status), .body = Message(status) + "\n"};
}

/// The parameter as a whole number of at least 1; `fallback` when it is not there.
absl::StatusOr<uint32_t> Number(const HttpRequest& request, std::string_view name, uint32_t fallback) {
  const std::optional<std::string> text = QueryParameter(request.query, name);
  if (!text) return fallback;
  uint32_t number = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || stop != end || number == 0) {
    return Error(absl::StatusCode::kInvalidArgument, "{} must be a whole number of at least 1", name);
  }
  return number;
}

HttpResponse Index(const HttpRequest& request) {
  const std::optional<std::string> token = QueryParameter(request.query, "token");
  // The guard has found the token right, so it is letters, digits, - and _ only.
  return {.content_type = "text/html; charset=utf-8",
          .body = fmt::format(kIndex, Version(), token ? "&amp;token=" + *token : "")};
}

}  // namespace

HttpResponse HttpHandlers::Handle(const HttpRequest& request) {
  if (std::optional<HttpResponse> refusal = guard_.Refuse(request)) return *std::move(refusal);
  return Route(request);
}

HttpResponse HttpHandlers::Route(const HttpRequest& request) {
  if (request.path == "/healthz") return {.body = "ok\n"};
  if (request.path == "/readyz") {
    return backend_->ready() ? HttpResponse{.body = "ready\n"} : HttpResponse{.status = 503, .body = "not ready\n"};
  }
  if (request.path == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = Metrics()};
  }
  if (request.path == "/debug/pprof/profile") return Profile(request);
  if (request.path == "/") return Index(request);
  return {.status = 404, .body = "nothing here: / lists what there is\n"};
}

std::string HttpHandlers::Metrics() {
  constexpr int kRest = 9;  // times what it took
  constexpr std::chrono::nanoseconds kOldest = std::chrono::seconds(1);
  std::lock_guard lock(metrics_mutex_);
  const auto begin = std::chrono::steady_clock::now();
  if (begin < metrics_good_until_) return metrics_page_;
  metrics_page_ = metrics_();
  const auto end = std::chrono::steady_clock::now();
  metrics_good_until_ = end + std::min<std::chrono::nanoseconds>(kRest * (end - begin), kOldest);
  return metrics_page_;
}

HttpResponse HttpHandlers::Profile(const HttpRequest& request) {
  if (request.method == "HEAD") return {.content_type = "application/octet-stream"};
  absl::StatusOr<std::string> profile = TakeProfile(request);
  if (!profile.ok()) return Failure(profile.status());
  return {.content_type = "application/octet-stream",
          .body = *std::move(profile),
          .extra_headers = "Content-Disposition: attachment; filename=\"profile.pb.gz\"\r\n"};
}

absl::StatusOr<std::string> HttpHandlers::TakeProfile(const HttpRequest& request) {
  Selector selector;
  Window window{.kind = Window::Kind::kNext};
  ASSIGN_OR_RETURN(selector.pid, Number(request, "pid", 0));
  ASSIGN_OR_RETURN(const uint32_t seconds, Number(request, "seconds", kDefaultSeconds));
  window.length = std::chrono::seconds(seconds);
  const std::optional<Slots::Holder> place = profiles_.Take();
  if (!place) {
    return Error(absl::StatusCode::kResourceExhausted,
                 "{} profiles are being taken already: try again when one is done", kMaxProfiles);
  }
  const Pause pause = [this](std::chrono::nanoseconds length) { return stop_.Wait(length, [] { return false; }); };
  ASSIGN_OR_RETURN(const WindowProfile answer, engine_->GetProfile(selector, window, pause));
  return pprof::Encode(answer.profile);
}

}  // namespace profd
