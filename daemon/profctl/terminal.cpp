#include "profctl/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace profd::profctl {
namespace {

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

std::optional<TerminalSize> SizeOfTerminal() {
  if (isatty(STDOUT_FILENO) == 0) return std::nullopt;
  winsize size{};
  TerminalSize found;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    found = {size.ws_col, size.ws_row};
  }
  return found;
}

bool UseColor(const std::string& mode) {
  if (mode != "auto") return mode == "always";
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (no_color != nullptr && *no_color != '\0') return false;
  return isatty(STDOUT_FILENO) != 0 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

Screen::Screen() {
  if (isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &before_) == 0) {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    // Stopping would leave the shell on the alternate screen.
    raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    keys_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  Print("\x1b[?1049h\x1b[?25l\x1b[2J");
}

Screen::~Screen() { Leave(); }

void Screen::Leave() {
  if (!entered_) return;
  entered_ = false;
  Print("\x1b[?25h\x1b[?1049l");
  if (keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void Screen::Draw(const std::vector<std::string>& lines) {
  std::string frame = "\x1b[H";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) frame += "\r\n";
    frame += lines[i] + "\x1b[K";
  }
  Print(frame + "\x1b[J");
}

std::optional<char> Screen::Key(std::chrono::milliseconds wait) {
  pollfd input{.fd = keys_ ? STDIN_FILENO : -1, .events = POLLIN};
  if (poll(&input, 1, static_cast<int>(wait.count())) <= 0) return std::nullopt;
  char key = 0;
  if (read(STDIN_FILENO, &key, 1) == 1) return key;
  // The keyboard is gone: without this the wait would be none.
  keys_ = false;
  return std::nullopt;
}

}  // namespace profd::profctl
