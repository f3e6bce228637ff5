// profd: parse, build, run.
#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "base/version.h"
#include "config/config.h"
#include "daemon.h"
#include "kernel/features.h"
#include "kernel/probe_holder.h"
#include "logging.h"
#include "worker/channel.h"
#include "worker/server.h"

namespace profd {
namespace {

enum ExitCode { kClean = 0, kFailure = 1, kUsage = 2, kCannotRun = 3 };

int ExitCodeOf(const absl::Status& status) {
  const bool cannot = absl::IsUnimplemented(status) || absl::IsPermissionDenied(status);
  return cannot ? kCannotRun : kFailure;
}

int PrintChecks(const Config& config) {
  bool able = true;
  for (const Check& check : CheckKernel(config.hardware_cycles)) {
    able &= check.ok || !check.required;
    fmt::print("{:<8} {}: {}\n", check.ok ? "ok" : check.required ? "MISSING" : "absent", check.name, check.detail);
    if (!check.ok) fmt::print("         what to do: {}\n", check.remedy);
  }
  return able ? kClean : kCannotRun;
}

// Standard descriptors that are closed would be given to the next file opened.
void OpenStandardFds() {
  int fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = dup(fd);
  if (fd >= 0) close(fd);
}

void Reload(Daemon& daemon, int argc, char** argv) {
  auto config = ReloadConfig(argc, argv);
  if (!config.ok()) {
    spdlog::error("configuration not reloaded: {}", Message(config.status()));
    return;
  }
  const std::vector<std::string> restart = daemon.Reload(*config);
  if (restart.empty()) {
    spdlog::info("configuration reloaded");
  } else {
    spdlog::warn("configuration reloaded; needs a restart: {}", fmt::join(restart, ", "));
  }
}

int Run(const CommandLine& command, int argc, char** argv) {
  SetUpLogging(command.config);
  // Threads inherit the mask, so only this one takes the signals.
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  auto holder = ProbeHolder::Start([](const absl::Status& status) { spdlog::warn("{}", Message(status)); });
  if (!holder.ok()) {
    spdlog::error("{}", Message(holder.status()));
    return kFailure;
  }
  auto daemon = Daemon::Start(command.config, holder->get());
  if (!daemon.ok()) {
    spdlog::error("{}", Message(daemon.status()));
    return ExitCodeOf(daemon.status());
  }
  spdlog::info("profd {} samples at {} Hz; socket {}; http {}", Version(), command.config.sample_hz,
               command.config.socket, (*daemon)->http_address().empty() ? "off" : (*daemon)->http_address());
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGHUP) break;
    Reload(**daemon, argc, argv);
  }
  spdlog::info("stopping");
  (*daemon)->Stop();
  return kClean;
}

}  // namespace
}  // namespace profd

int main(int argc, char** argv) {
  using namespace profd;
  OpenStandardFds();
  auto command = ParseCommandLine(argc, argv);
  if (!command.ok()) {
    fmt::print(stderr, "profd: {}\n", Message(command.status()));
    return kUsage;
  }
  switch (command->action) {
    case CommandLine::Action::kExit: std::fputs(command->output.c_str(), stdout); return command->exit_code;
    case CommandLine::Action::kCheck: return PrintChecks(command->config);
    case CommandLine::Action::kWorker: return RunWorker(kWorkerSocket);
    case CommandLine::Action::kRun: break;
  }
  return Run(*command, argc, argv);
}
