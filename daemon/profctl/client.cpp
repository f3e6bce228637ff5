#include "profctl/client.h"

#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <future>

#include "base/unique_fd.h"
#include "profd/v1/profiler.grpc.pb.h"

namespace profd::profctl {
namespace {

constexpr int kMaxResponse = 64 << 20;
constexpr auto kQuick = std::chrono::seconds(10);   // for answers that nobody samples for
constexpr auto kBeyond = std::chrono::seconds(60);  // what an answer takes after the window that it is about
constexpr auto kTick = std::chrono::milliseconds(100);

absl::StatusOr<std::string> PathOf(const std::string& address) {
  std::string path = address;
  if (path.starts_with("unix:")) path.erase(0, 5);
  if (path.starts_with("//")) path.erase(0, 2);
  if (path.starts_with('/') && path.size() < sizeof(sockaddr_un::sun_path)) return path;
  return Error(absl::StatusCode::kInvalidArgument, "--address: '{}' is no unix socket: unix:///run/profd/profd.sock is",
               address);
}

/// gRPC would say "unavailable" of every failure alike, and late.
absl::Status Probe(const std::string& path) {
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  path.copy(address.sun_path, path.size());
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN) {
    return absl::OkStatus();
  }
  if (errno == EACCES || errno == EPERM) {
    return Error(absl::StatusCode::kPermissionDenied,
                 "this user may not use {}: run profctl as root, or join the group that owns the socket", path);
  }
  return Error(
      absl::StatusCode::kUnavailable,
      "no profd answers on {} ({}): start it, or name its socket with --address. 'profd --check', run as root, "
      "says whether this machine can run it",
      path, ErrnoText(errno));
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && status.error_details().empty() &&
      status.error_message() == "Deadline Exceeded") {
    return Error(absl::StatusCode::kUnavailable,
                 "profd does not answer: it hangs, or the machine is overloaded. Its log may say why; a restart helps");
  }
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

std::chrono::nanoseconds LengthOf(const v1::Window& window) {
  return std::chrono::seconds(window.next().seconds()) + std::chrono::nanoseconds(window.next().nanos());
}

/// WatchRecursion under way, in the caller's own thread.
class RecursionStream {
 public:
  RecursionStream(v1::Profiler::Stub& stub, const v1::WatchRecursionRequest& request)
      : reader_(stub.AsyncWatchRecursion(&context_, request, &queue_, nullptr)) {}
  ~RecursionStream() {
    Cancel();
    while (!ended()) Next();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) continue;
  }
  RecursionStream(const RecursionStream&) = delete;
  RecursionStream& operator=(const RecursionStream&) = delete;

  /// The next event, valid until the next call; nullptr when none came for a tick's time, or it ended.
  const v1::RecursionEvent* Next() {
    // One operation is under way at any time, so its tag says nothing.
    void* tag = nullptr;
    bool ok = false;
    if (step_ == Step::kGot) Read();
    if (queue_.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + kTick) != grpc::CompletionQueue::GOT_EVENT) {
      return nullptr;
    }
    if (step_ == Step::kFinish) {
      step_ = Step::kEnded;
    } else if (!ok) {
      step_ = Step::kFinish;
      reader_->Finish(&status_, nullptr);
    } else if (step_ == Step::kRead) {
      step_ = Step::kGot;
      return &event_;
    } else {
      Read();
    }
    return nullptr;
  }
  void Cancel() { context_.TryCancel(); }
  bool ended() const { return step_ == Step::kEnded; }
  const grpc::Status& status() const { return status_; }

 private:
  enum class Step { kStart, kRead, kGot, kFinish, kEnded };

  void Read() {
    step_ = Step::kRead;
    reader_->Read(&event_, nullptr);
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::Status status_;
  v1::RecursionEvent event_;
  Step step_ = Step::kStart;
  std::unique_ptr<grpc::ClientAsyncReader<v1::RecursionEvent>> reader_;
};

class GrpcClient final : public Client {
 public:
  explicit GrpcClient(std::unique_ptr<v1::Profiler::Stub> stub) : stub_(std::move(stub)) {}

  absl::StatusOr<v1::ListProcessesResponse> ListProcesses(const v1::ListProcessesRequest& request) override {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kQuick);
    v1::ListProcessesResponse response;
    RETURN_IF_ERROR(FromGrpc(stub_->ListProcesses(&context, request, &response)));
    return response;
  }

  absl::StatusOr<v1::GetStatusResponse> GetStatus() override {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kQuick);
    v1::GetStatusResponse response;
    RETURN_IF_ERROR(FromGrpc(stub_->GetStatus(&context, {}, &response)));
    return response;
  }

  absl::StatusOr<v1::SetProbesResponse> SetProbes(const v1::SetProbesRequest& request) override {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kQuick);
    v1::SetProbesResponse response;
    RETURN_IF_ERROR(FromGrpc(stub_->SetProbes(&context, request, &response)));
    return response;
  }

  absl::StatusOr<v1::ListRecursionResponse> ListRecursion(const v1::ListRecursionRequest& request) override {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kQuick);
    v1::ListRecursionResponse response;
    RETURN_IF_ERROR(FromGrpc(stub_->ListRecursion(&context, request, &response)));
    return response;
  }

  absl::StatusOr<v1::ListMapSitesResponse> ListMapSites(const v1::ListMapSitesRequest& request,
                                                        const Tick& tick) override {
    constexpr std::chrono::seconds kLongest{6};
    v1::ListMapSitesResponse response;
    RETURN_IF_ERROR(Wait(tick, kLongest, [&](grpc::ClientContext* context) {
      return stub_->ListMapSites(context, request, &response);
    }));
    return response;
  }

  absl::StatusOr<v1::TopResponse> Top(const v1::TopRequest& request, const Tick& tick) override {
    v1::TopResponse response;
    RETURN_IF_ERROR(Wait(tick, LengthOf(request.window()),
                         [&](grpc::ClientContext* context) { return stub_->Top(context, request, &response); }));
    return response;
  }

  absl::StatusOr<v1::GetProfileResponse> GetProfile(const v1::GetProfileRequest& request, const Tick& tick) override {
    v1::GetProfileResponse response;
    RETURN_IF_ERROR(Wait(tick, LengthOf(request.window()),
                         [&](grpc::ClientContext* context) { return stub_->GetProfile(context, request, &response); }));
    return response;
  }

  absl::Status WatchRecursion(const v1::WatchRecursionRequest& request, const OnRecursion& on_event,
                              const Tick& tick) override {
    RecursionStream stream(*stub_, request);
    bool withdrawn = false;
    while (!stream.ended()) {
      if (const v1::RecursionEvent* event = stream.Next(); event != nullptr && !withdrawn) on_event(*event);
      if (withdrawn || tick()) continue;
      withdrawn = true;
      stream.Cancel();
    }
    const absl::Status status = FromGrpc(stream.status());
    if (withdrawn) return absl::CancelledError();
    if (!status.ok() && !absl::IsCancelled(status) && !absl::IsUnavailable(status)) return status;
    return Error(absl::StatusCode::kUnavailable, "profd was stopped, so there is nothing more to watch");
  }

 private:
  template <typename Call>
  absl::Status Wait(const Tick& tick, std::chrono::nanoseconds window, Call call) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::ceil<std::chrono::system_clock::duration>(window) + kBeyond);
    std::future<grpc::Status> done = std::async(std::launch::async, [&] { return call(&context); });
    bool withdrawn = false;
    while (done.wait_for(kTick) != std::future_status::ready) {
      if (withdrawn || tick()) continue;
      withdrawn = true;
      context.TryCancel();
    }
    absl::Status status = FromGrpc(done.get());
    if (!absl::IsCancelled(status) || withdrawn) return status;
    return Error(absl::StatusCode::kUnavailable, "profd was stopped before it could answer");
  }

  std::unique_ptr<v1::Profiler::Stub> stub_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const std::string& address) {
  // Its own messages are no help to who calls profctl; set it to see them.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  ASSIGN_OR_RETURN(const std::string path, PathOf(address));
  RETURN_IF_ERROR(Probe(path));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxResponse);
  const auto channel = grpc::CreateCustomChannel("unix:" + path, grpc::InsecureChannelCredentials(), arguments);
  return std::make_unique<GrpcClient>(v1::Profiler::NewStub(channel));
}

}  // namespace profd::profctl
