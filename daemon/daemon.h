// The running daemon: constructs the parts, starts them, stops them.
#pragma once

#include <memory>

#include "base/status.h"
#include "config/config.h"

namespace profd {

class ProbeHolder;

class Daemon {
 public:
  /// Opens socket and port, loads the kernel side, starts sampling. Unimplemented or PermissionDenied: this kernel or
  /// privilege cannot run it (the message names what is missing and the remedy). Other errors: a socket or port in use,
  /// a directory not writable, no memory. `holder` outlives it.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Config& config, ProbeHolder* holder);
  ~Daemon();

  /// Clients first: their calls end. Then sampling, after a last flip.
  void Stop();
  /// What can change at run time does so; returns the keys that need a restart. Not for several threads at once.
  std::vector<std::string> Reload(const Config& config);
  /// Where HTTP is served, empty when off.
  const std::string& http_address() const;

 private:
  class Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace profd
