// `recursion`: runaway recursion and what led to it, now and of processes that are gone.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <string>

#include "profctl/answer_text.h"
#include "profctl/client.h"
#include "profctl/commands/commands.h"
#include "profctl/commands/recursion_rows.h"
#include "profctl/commands/recursion_screen.h"
#include "profctl/exit_code.h"
#include "profctl/interrupt.h"
#include "profctl/recursion_json.h"
#include "profctl/recursion_text.h"
#include "profctl/terminal.h"

namespace profd::profctl {
namespace {

WallTime Now() { return SystemClock().Wall(); }

absl::StatusOr<RecursionEvents> Ask(Client& client, const v1::Selector& selector, bool active_only) {
  v1::ListRecursionRequest request;
  *request.mutable_selector() = selector;
  request.set_active_only(active_only);
  ASSIGN_OR_RETURN(const v1::ListRecursionResponse response, client.ListRecursion(request));
  return RecursionEvents(response.events().begin(), response.events().end());
}

absl::StatusOr<RecursionEvents> Ask(const Options& options, bool active_only) {
  ASSIGN_OR_RETURN(const v1::Selector selector, options.Selector());
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Client::Connect(options.address));
  return Ask(*client, selector, active_only);
}

absl::StatusOr<RecursionEvents> SortedEvents(const Options& options, bool active_only) {
  ASSIGN_OR_RETURN(const size_t sort, SortIndex(options, RecursionSortKeys()));
  ASSIGN_OR_RETURN(RecursionEvents events, Ask(options, active_only));
  SortRecursion(events, sort);
  return events;
}

void Shorten(const Options& options, RecursionEvents& events) {
  if (options.limit > 0 && events.size() > static_cast<size_t>(options.limit)) {
    events.resize(static_cast<size_t>(options.limit));
  }
}

absl::StatusOr<v1::RecursionEvent> OneEvent(const Options& options, const std::string& id) {
  if (id.empty()) return Error(absl::StatusCode::kInvalidArgument, "the id of a recursion story is empty");
  ASSIGN_OR_RETURN(const RecursionEvents events, Ask(options, false));
  return FindRecursion(events, id);
}

/// Stories that were over when the watch began and have not changed since.
class Past {
 public:
  static absl::StatusOr<Past> Create(Client& client, const v1::Selector& selector) {
    Past past;
    const auto events = Ask(client, selector, false);
    // Who is not there yet may come.
    if (!events.ok() && !absl::IsNotFound(events.status())) return events.status();
    for (const v1::RecursionEvent& event : events.value_or(RecursionEvents())) {
      if (!IsActive(event)) past.events_[event.id()] = event.SerializeAsString();
    }
    return past;
  }
  bool Contains(const v1::RecursionEvent& event) const {
    const auto found = events_.find(event.id());
    return found != events_.end() && found->second == event.SerializeAsString();
  }

 private:
  std::map<std::string, std::string> events_;
};

/// Of a story in which only numbers change, a line a second is enough for people.
class Pace {
 public:
  bool Admits(const v1::RecursionEvent& event) {
    const auto now = std::chrono::steady_clock::now();
    const std::string state = event.grade() + event.state();
    auto& [last_state, last] = told_[event.id()];
    if (last_state == state && now - last < std::chrono::seconds(1)) return false;
    last_state = state;
    last = now;
    return true;
  }

 private:
  std::map<std::string, std::pair<std::string, std::chrono::steady_clock::time_point>> told_;
};

absl::Status Watch(const Options& options) {
  v1::WatchRecursionRequest request;
  ASSIGN_OR_RETURN(*request.mutable_selector(), options.Selector());
  request.set_send_existing(true);
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Client::Connect(options.address));
  const Interrupt interrupt;
  ASSIGN_OR_RETURN(const Past past, Past::Create(*client, request.selector()));
  Pace pace;
  const auto print = [&](const v1::RecursionEvent& event) {
    if (past.Contains(event) || (!options.json() && !pace.Admits(event))) return;
    if (options.json()) {
      PrintJson(RecursionJson(event));
    } else {
      const bool red = IsAlarm(event) && UseColor(options.color);
      fmt::print("{}{}{}\n", red ? kRed : "", WatchLine(event, Now(), options.wide()), red ? kPlain : "");
    }
    std::fflush(stdout);
  };
  return client->WatchRecursion(request, print, [] { return !Interrupt::Requested() && std::ferror(stdout) == 0; });
}

}  // namespace

int RunRecursionList(const Options& options, const RecursionOptions& recursion) {
  auto events = SortedEvents(options, recursion.active);
  if (!events.ok()) return Fail(events.status());
  if (options.json()) {
    Shorten(options, *events);
    PrintJson(RecursionListJson(*events));
    return kExitOk;
  }
  RecursionEvents shown = *events;
  // Honest programs recurse all the time.
  if (!recursion.all) std::erase_if(shown, [](const auto& event) { return event.grade() == "observed"; });
  const size_t hidden = events->size() - shown.size();
  Shorten(options, shown);
  PrintLines(RecursionTable(shown, Now(), options.wide()).Render(), UseColor(options.color));
  if (hidden > 0) fmt::print(stderr, "{} that never grew: --all shows them\n", hidden);
  if (events->empty())
    fmt::print(stderr, "no recursion{}: profd has seen none\n", recursion.active ? " under way" : "");
  return kExitOk;
}

int RunRecursionWatch(const Options& options) {
  const absl::Status status = Watch(options);
  // What cannot be printed is told by who prints.
  return std::ferror(stdout) != 0 ? kExitOk : Fail(status);
}

int RunRecursionShow(const Options& options, const RecursionOptions& recursion) {
  const auto event = OneEvent(options, recursion.id);
  if (!event.ok()) return Fail(event.status());
  if (options.json()) {
    PrintJson(RecursionListJson({*event}));
    return kExitOk;
  }
  std::vector<std::string> lines = RecursionScreen(*event, Now(), options.wide());
  const bool color = UseColor(options.color);
  if (color && IsAlarm(*event)) lines[0] = kRed + lines[0] + kPlain;
  PrintLines(lines, color && !IsAlarm(*event));
  return kExitOk;
}

}  // namespace profd::profctl
