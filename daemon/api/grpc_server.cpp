#include "api/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/resource_quota.h>
#include <sys/stat.h>

#include "api/map_convert.h"
#include "api/proto_convert.h"
#include "api/recursion_convert.h"
#include "api/recursion_feed.h"
#include "api/socket_claim.h"
#include "pprof/pprof.h"
#include "profd/v1/profiler.grpc.pb.h"

namespace profd {
namespace {

constexpr int kMaxWaiting = 64;   // calls that wait for a window; each holds a thread
constexpr int kMaxWatching = 32;  // calls that watch recursion; likewise
constexpr int kMaxThreads = kMaxWaiting + kMaxWatching + 16;
constexpr int kMaxResponse = 64 << 20;
constexpr int kMaxRequest = 64 << 10;

// absl took gRPC's numbers for its codes.
grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), Message(status)};
}

class ProfilerService final : public v1::Profiler::Service {
 public:
  ProfilerService(const QueryEngine* engine, Backend* backend, const Clock* clock)
      : engine_(engine), backend_(backend), clock_(clock) {}

  void Stop() { stop_.Set(); }

  grpc::Status ListProcesses(grpc::ServerContext*, const v1::ListProcessesRequest* request,
                             v1::ListProcessesResponse* response) override {
    auto processes = engine_->Processes(FromProto(request->selector()));
    if (!processes.ok()) return ToGrpc(processes.status());
    for (const ProcessListEntry& entry : *processes) ToProto(entry, *clock_, *response->add_processes());
    return grpc::Status::OK;
  }

  grpc::Status GetProfile(grpc::ServerContext* context, const v1::GetProfileRequest* request,
                          v1::GetProfileResponse* response) override {
    return ToGrpc(WithWindow(context, request->window(), [&](const Window& window, const Pause& pause) -> absl::Status {
      ASSIGN_OR_RETURN(const WindowProfile answer,
                       engine_->GetProfile(FromProto(request->selector()), window, pause,
                                           {.goroutine = request->goroutines(), .labels = request->go_labels()}));
      uint64_t samples = 0;
      for (const Sample& sample : answer.profile.samples) samples += sample.count;
      response->set_samples(samples);
      response->set_pprof(pprof::Encode(answer.profile));
      ToProto(answer.window, *response->mutable_window());
      return absl::OkStatus();
    }));
  }

  grpc::Status Top(grpc::ServerContext* context, const v1::TopRequest* request, v1::TopResponse* response) override {
    const Selector selector = FromProto(request->selector());
    return ToGrpc(WithWindow(context, request->window(), [&](const Window& window, const Pause& pause) {
      return request->functions() ? TopFunctionsOf(selector, window, pause, *response)
                                  : TopProcesses(selector, window, pause, *response);
    }));
  }

  grpc::Status ListRecursion(grpc::ServerContext*, const v1::ListRecursionRequest* request,
                             v1::ListRecursionResponse* response) override {
    const auto stories = engine_->Recursion(FromProto(request->selector()), request->active_only(), request->id());
    if (!stories.ok()) return ToGrpc(stories.status());
    for (const RecursionEvent& story : *stories) ToProto(story, *response->add_events());
    return grpc::Status::OK;
  }

  grpc::Status WatchRecursion(grpc::ServerContext* context, const v1::WatchRecursionRequest* request,
                              grpc::ServerWriter<v1::RecursionEvent>* writer) override {
    return ToGrpc(Watch(*request, *context, *writer));
  }

  grpc::Status ListMapSites(grpc::ServerContext* context, const v1::ListMapSitesRequest* request,
                            v1::ListMapSitesResponse* response) override {
    return ToGrpc(WithPause(context, [&](const Pause& pause) -> absl::Status {
      ASSIGN_OR_RETURN(const ProcessMaps maps, engine_->Maps(FromProto(request->selector()), pause));
      ToProto(maps, *clock_, *response);
      return absl::OkStatus();
    }));
  }

  grpc::Status SetProbes(grpc::ServerContext*, const v1::SetProbesRequest* request,
                         v1::SetProbesResponse* response) override {
    const auto were_on = backend_->SetProbes(request->on());
    if (!were_on.ok()) return ToGrpc(were_on.status());
    response->set_were_on(*were_on);
    return grpc::Status::OK;
  }

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*, v1::GetStatusResponse* response) override {
    ToProto(backend_->Status(), *response);
    return grpc::Status::OK;
  }

 private:
  absl::Status TopProcesses(const Selector& selector, const Window& window, const Pause& pause,
                            v1::TopResponse& response) const {
    ASSIGN_OR_RETURN(const ProcessTop top, engine_->TopProcesses(selector, window, pause));
    for (const ProcessRow& row : top.rows) ToProto(row, *clock_, *response.add_processes());
    response.set_samples(top.samples);
    for (const RecursionEvent& story : top.recursion) ToProto(story, *response.add_recursion());
    ToProto(top.window, *response.mutable_window());
    return absl::OkStatus();
  }

  absl::Status TopFunctionsOf(const Selector& selector, const Window& window, const Pause& pause,
                              v1::TopResponse& response) const {
    ASSIGN_OR_RETURN(const FunctionTop top, engine_->TopFunctionsOf(selector, window, pause));
    for (const FunctionShare& function : top.top.functions) ToProto(function, *response.add_functions());
    response.set_samples(top.top.samples);
    if (top.process) ToProto(*top.process, *clock_, *response.mutable_process());
    for (const RecursionEvent& story : top.recursion) ToProto(story, *response.add_recursion());
    ToProto(top.window, *response.mutable_window());
    return absl::OkStatus();
  }

  /// Ends with an error, as a stream without an end must.
  absl::Status Watch(const v1::WatchRecursionRequest& request, grpc::ServerContext& context,
                     grpc::ServerWriter<v1::RecursionEvent>& writer) {
    const std::optional<Slots::Holder> place = watching_.Take();
    if (!place) {
      return Error(absl::StatusCode::kResourceExhausted,
                   "{} clients watch recursion already: try again when one is done", kMaxWatching);
    }
    const Selector selector = FromProto(request.selector());
    RecursionFeed feed([&context] { context.TryCancel(); });
    ASSIGN_OR_RETURN(const std::shared_ptr<void> watch,
                     engine_->WatchRecursion(selector, [&feed](const RecursionEvent& event) { feed.Push(event); }));
    // From here on nothing is missed, and the client may know.
    writer.SendInitialMetadata();
    if (request.send_existing()) WriteExisting(selector, writer);
    v1::RecursionEvent message;
    while (true) {
      ASSIGN_OR_RETURN(const RecursionEvent event, feed.Next(stop_, [&context] { return context.IsCancelled(); }));
      message.Clear();
      ToProto(event, message);
      if (!writer.Write(message)) return Error(absl::StatusCode::kCancelled, "the client is gone");
    }
  }

  void WriteExisting(const Selector& selector, grpc::ServerWriter<v1::RecursionEvent>& writer) const {
    const auto stories = engine_->Recursion(selector, /*active_only=*/false, /*id=*/"");
    // Nothing of the selector's may be there yet.
    if (!stories.ok()) return;
    for (const RecursionEvent& story : *stories) {
      v1::RecursionEvent message;
      ToProto(story, message);
      if (!writer.Write(message)) return;
    }
  }

  template <typename Answer>
  absl::Status WithWindow(grpc::ServerContext* context, const v1::Window& message, Answer answer) {
    ASSIGN_OR_RETURN(const Window window, FromProto(message));
    return WithPause(context, [&](const Pause& pause) { return answer(window, pause); });
  }

  template <typename Answer>
  absl::Status WithPause(grpc::ServerContext* context, Answer answer) {
    std::optional<Slots::Holder> place = waiting_.Take();
    if (!place) {
      return Error(absl::StatusCode::kResourceExhausted,
                   "{} profiles are being taken already: try again when one is done", kMaxWaiting);
    }
    const Pause pause = [this, context](std::chrono::nanoseconds length) {
      return stop_.Wait(length, [context] { return context->IsCancelled(); });
    };
    return answer(pause);
  }

  const QueryEngine* engine_;
  Backend* backend_;
  const Clock* clock_;
  StopSignal stop_;
  Slots waiting_{kMaxWaiting};
  Slots watching_{kMaxWatching};
};

/// The reflection library puts itself into every server of a process that links it: keep it only where it is wanted.
class ReflectionOption final : public grpc::ServerBuilderOption {
 public:
  explicit ReflectionOption(bool wanted) : wanted_(wanted) {}
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    const std::string name = grpc::reflection::ProtoServerReflectionPlugin().name();
    std::erase_if(*plugins, [&name](const auto& plugin) { return plugin->name() == name; });
    if (wanted_) plugins->push_back(std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>());
  }

 private:
  bool wanted_;
};

/// What is made meanwhile is open to nobody else: the group comes afterwards.
class PrivateUmask {
 public:
  PrivateUmask() : before_(umask(0177)) {}
  ~PrivateUmask() { umask(before_); }

 private:
  mode_t before_;
};

std::unique_ptr<grpc::Server> Start(const GrpcServerOptions& options, grpc::Service* service) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  grpc::ResourceQuota quota("profd");
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  builder.SetMaxReceiveMessageSize(kMaxRequest);
  builder.SetMaxSendMessageSize(kMaxResponse);
  builder.SetOption(std::make_unique<ReflectionOption>(options.reflection));
  builder.AddListeningPort("unix:" + options.socket, grpc::InsecureServerCredentials());
  builder.RegisterService(service);
  const PrivateUmask restricted;
  return builder.BuildAndStart();
}

class GrpcServerImpl final : public GrpcServer {
 public:
  GrpcServerImpl(SocketClaim claim, std::unique_ptr<ProfilerService> service, std::unique_ptr<grpc::Server> server)
      : claim_(std::move(claim)), service_(std::move(service)), server_(std::move(server)) {}
  ~GrpcServerImpl() override { Shutdown(); }

  absl::Status ShareWith(const std::string& group) const { return claim_.ShareWith(group); }

  void SetServing(bool serving) override {
    if (auto* health = server_->GetHealthCheckService()) {
      health->SetServingStatus(serving);
      health->SetServingStatus(v1::Profiler::service_full_name(), serving);
    }
  }

  void Shutdown() override {
    service_->Stop();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
    server_->Wait();
  }

 private:
  SocketClaim claim_;
  std::unique_ptr<ProfilerService> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Create(const GrpcServerOptions& options,
                                                               const QueryEngine* engine, Backend* backend,
                                                               const Clock* clock) {
  ASSIGN_OR_RETURN(SocketClaim claim, SocketClaim::Take(options.socket));
  auto service = std::make_unique<ProfilerService>(engine, backend, clock);
  std::unique_ptr<grpc::Server> server = Start(options, service.get());
  if (server == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, "cannot listen on {}: gRPC's message above says why",
                 options.socket);
  }
  auto result = std::make_unique<GrpcServerImpl>(std::move(claim), std::move(service), std::move(server));
  RETURN_IF_ERROR(result->ShareWith(options.group));
  result->SetServing(backend->ready());
  return std::unique_ptr<GrpcServer>(std::move(result));
}

}  // namespace profd
