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
