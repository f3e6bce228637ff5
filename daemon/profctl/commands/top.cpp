// `top`: once as text or JSON, or refreshed on the screen.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "profctl/client.h"
#include "profctl/commands/commands.h"
#include "profctl/commands/top_view.h"
#include "profctl/exit_code.h"
#include "profctl/interrupt.h"
#include "profctl/terminal.h"
#include "profctl/time_text.h"

namespace profd::profctl {
namespace {

using namespace std::chrono_literals;

constexpr size_t kRowsOnPaper = 40;
constexpr auto kRefresh = 2s;

absl::StatusOr<v1::TopRequest> RequestFor(const Options& options, const TopOptions& top) {
  v1::TopRequest request;
  ASSIGN_OR_RETURN(*request.mutable_selector(), options.Selector());
  request.set_functions(options.pid != 0 || options.ns_pid != 0);
  if (top.duration.empty()) {
    request.mutable_window()->mutable_last()->set_seconds(10);
  } else {
    ASSIGN_OR_RETURN(const auto length, ParseDuration(top.duration));
    *request.mutable_window()->mutable_next() = FromNanoseconds(length);
  }
  return request;
}

absl::StatusOr<TopView> ViewFor(const Options& options, bool functions) {
  TopView view{.functions = functions, .wide = options.wide()};
  ASSIGN_OR_RETURN(view.sort, SortIndex(options, SortKeys(functions)));
  if (options.limit > 0) view.limit = static_cast<size_t>(options.limit);
  return view;
}

int PrintOnce(Client& client, const Options& options, const v1::TopRequest& request, TopView view) {
  const Interrupt interrupt;
  const auto response = client.Top(request, [] { return !Interrupt::Requested(); });
  if (!response.ok()) return Fail(response.status());
  if (options.json()) {
    PrintJson(TopJson(*response, view));
    return kExitOk;
  }
  if (options.limit < 0) view.limit = kRowsOnPaper;
  const bool color = UseColor(options.color);
  const TopText text = RenderTop(*response, view);
  PrintLines(HeadingText(text.heading, color), false);
  PrintLines(text.table, color);
  if (text.hidden > 0) fmt::print(stderr, "{} more rows: -n 0 shows all\n", text.hidden);
  return kExitOk;
}

/// `top` on the screen, until q or Ctrl-C.
class TopScreen {
 public:
  TopScreen(Client& client, const Options& options, const v1::TopRequest& request, TopView view)
      : client_(client), options_(options), request_(request), view_(view), color_(UseColor(options.color)) {}

  int Run();

 private:
  /// Handles keys for that long. False when the user has had enough.
  bool Listen(std::chrono::milliseconds length);
  void Draw();

  Client& client_;
  const Options& options_;
  const v1::TopRequest& request_;
  TopView view_;
  const bool color_;
  Screen screen_;
  v1::TopResponse shown_;
  bool quit_ = false;
};

bool TopScreen::Listen(std::chrono::milliseconds length) {
  const auto end = std::chrono::steady_clock::now() + length;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    const std::optional<char> key = screen_.Key(std::clamp<std::chrono::milliseconds>(left, 0ms, 100ms));
    if (key == 'q' || key == 'Q') quit_ = true;
    if (key == 's') {
      view_.sort = (view_.sort + 1) % SortKeys(view_.functions).size();
      Draw();
    }
  } while (!quit_ && !Interrupt::Requested() && std::chrono::steady_clock::now() < end);
  return !quit_ && !Interrupt::Requested();
}

void TopScreen::Draw() {
  const TerminalSize size = SizeOfTerminal().value_or(TerminalSize());
  TopView view = view_;
  view.max_width = size.columns;
  const size_t furniture = 3 + std::max<size_t>(RecursionBanner(shown_).size(), 1);  // heading, titles, keys
  const size_t fits = size.rows > furniture ? size.rows - furniture : 1;
  if (options_.limit <= 0 || view.limit > fits) view.limit = fits;
  TopText text = RenderTop(shown_, view);
  // However many alarms there are, a row stays.
  text.heading.resize(std::min(text.heading.size(), size.rows > 4 ? size.rows - 3 : 1));
  if (color_) text.table[0] = "\x1b[1m" + text.table[0] + "\x1b[0m";
  std::vector<std::string> lines = HeadingText(text.heading, color_);
  lines.insert(lines.end(), text.table.begin(), text.table.end());
  lines.push_back(fmt::format("q quits, s sorts (by {})", SortKeys(view_.functions)[view_.sort]));
  screen_.Draw(lines);
}

int TopScreen::Run() {
  do {
    auto response = client_.Top(request_, [this] { return Listen(0ms); });
    if (!response.ok()) {
      if (quit_) return kExitOk;
      if (Interrupt::Requested()) return kExitInterrupted;
      screen_.Leave();
      return Fail(response.status());
    }
    shown_ = *std::move(response);
    Draw();
  } while (Listen(request_.window().has_next() ? 0ms : std::chrono::milliseconds(kRefresh)));
  return quit_ ? kExitOk : kExitInterrupted;
}

}  // namespace

int RunTop(const Options& options, const TopOptions& top) {
  const auto request = RequestFor(options, top);
  if (!request.ok()) return Fail(request.status());
  const auto view = ViewFor(options, request->functions());
  if (!view.ok()) return Fail(view.status());
  const auto client = Client::Connect(options.address);
  if (!client.ok()) return Fail(client.status());
  if (top.once || options.json() || !SizeOfTerminal()) return PrintOnce(**client, options, *request, *view);
  const Interrupt interrupt;
  return TopScreen(**client, options, *request, *view).Run();
}

}  // namespace profd::profctl
