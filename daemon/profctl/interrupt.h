// Ctrl-C and its like, noticed instead of suffered.
#pragma once

namespace profd::profctl {

/// From its beginning to its end, SIGINT, SIGTERM and SIGHUP only set a flag. A second SIGINT ends the program, so a
/// daemon that does not answer cannot hold it. One at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  static bool Requested();
};

}  // namespace profd::profctl
