// The screen and the keyboard.
#pragma once

#include <termios.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace profd::profctl {

struct TerminalSize {
  size_t columns = 80;
  size_t rows = 24;
};

/// Of standard output; nothing when that is no terminal.
std::optional<TerminalSize> SizeOfTerminal();

inline const std::string kRed = "\x1b[1;31m";
inline const std::string kPlain = "\x1b[0m";

/// Whether to colour what goes to standard output: `mode` is auto, always or never.
bool UseColor(const std::string& mode);

/// The alternate screen and unbuffered keys, until its end, however that comes: signals that end the program must be
/// caught (see Interrupt).
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Shows these lines from the top, and nothing else.
  void Draw(const std::vector<std::string>& lines);
  /// Back to the ordinary screen before the end, to print there.
  void Leave();
  /// The next key, waiting at most so long.
  std::optional<char> Key(std::chrono::milliseconds wait);

 private:
  bool entered_ = true;
  bool keys_ = false;
  termios before_{};
};

}  // namespace profd::profctl
