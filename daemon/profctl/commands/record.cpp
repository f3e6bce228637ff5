// `record`: a profile of the next while, or of the past, into a file.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "profctl/answer_text.h"
#include "profctl/client.h"
#include "profctl/commands/commands.h"
#include "profctl/commands/record_format.h"
#include "profctl/escape.h"
#include "profctl/exit_code.h"
#include "profctl/interrupt.h"
#include "profctl/output_file.h"
#include "profctl/time_text.h"

namespace profd::profctl {
namespace {

using std::chrono::nanoseconds;

absl::Status Usage(std::string_view message) {
  return absl::Status(absl::StatusCode::kInvalidArgument, fmt::format("{}", message));
}

WallTime Now() { return SystemClock().Wall(); }

v1::Window RangeWindow(WallTime since, WallTime until) {
  v1::Window window;
  *window.mutable_range()->mutable_since() = FromWall(since);
  *window.mutable_range()->mutable_until() = FromWall(until);
  return window;
}

absl::StatusOr<v1::Window> WindowFor(const RecordOptions& record) {
  const WallTime now = Now();
  v1::Window window;
  if (record.since.empty()) {
    if (!record.until.empty()) return Usage("--until needs --since");
    ASSIGN_OR_RETURN(const nanoseconds length, ParseDuration(record.duration.empty() ? "10s" : record.duration));
    *window.mutable_next() = FromNanoseconds(length);
    return window;
  }
  if (!record.duration.empty()) return Usage("-d is for the time to come, --since for the past: give one of them");
  ASSIGN_OR_RETURN(const WallTime since, ParseTime(record.since, now));
  WallTime until = now;
  if (!record.until.empty()) {
    ASSIGN_OR_RETURN(until, ParseTime(record.until, now));
  }
  return RangeWindow(since, until);
}

/// Who is recorded, for the file's name and for people.
struct Subject {
  std::string name = "all";
  std::string text = "all processes";
};

absl::StatusOr<Subject> SubjectOf(Client& client, const v1::Selector& selector, bool past) {
  if (selector.pid() == 0 && selector.ns_pid() == 0) {
    const std::string& name = !selector.command().empty()     ? selector.command()
                              : !selector.container().empty() ? selector.container()
                              : !selector.pod().empty()       ? selector.pod()
                                                              : selector.name_space();
    return name.empty() ? Subject() : Subject{name, name};
  }
  v1::ListProcessesRequest request;
  *request.mutable_selector() = selector;
  const auto known = client.ListProcesses(request);
  if (!known.ok() && !(past && known.status().code() == absl::StatusCode::kNotFound)) return known.status();
  if (!known.ok() || known->processes_size() != 1) {
    const uint32_t pid = selector.pid() != 0 ? selector.pid() : selector.ns_pid();
    return Subject{fmt::format("pid{}", pid), fmt::format("pid {}", pid)};
  }
  const v1::ProcessInfo& process = known->processes(0);
  return Subject{process.command().empty() ? fmt::format("pid{}", process.pid()) : process.command(),
                 ProcessText(process)};
}

std::string DefaultFile(const Subject& subject, RecordFormat format) {
  std::string name = subject.name;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '.') c = '-';
  }
  return fmt::format("profd-{}-{}{}", name, FileTime(Now()), ExtensionOf(format));
}

/// One line on stderr that says how far it is.
class Progress {
 public:
  Progress(const Subject& subject, const v1::Window& window)
      : text_(Escape(subject.text)),
        length_(ToNanoseconds(window.next())),
        shown_(window.has_next() && isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
  }

  void Show() const {
    if (!shown_) return;
    const auto passed = std::min<nanoseconds>(std::chrono::steady_clock::now() - start_, length_);
    fmt::print(stderr, "\rrecording {}: {:.0f} of {:.0f} s (Ctrl-C ends it early)\x1b[K", text_,
               std::chrono::duration<double>(passed).count(), std::chrono::duration<double>(length_).count());
    std::fflush(stderr);
  }

 private:
  const std::string text_;
  const nanoseconds length_;
  const bool shown_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

struct Recording {
  v1::GetProfileResponse profile;
  bool interrupted = false;
};

absl::StatusOr<Recording> Take(Client& client, v1::GetProfileRequest request, const Subject& subject) {
  const WallTime start = Now();
  Recording recording;
  {
    const Progress progress(subject, request.window());
    auto profile = client.GetProfile(request, [&progress] {
      progress.Show();
      return !Interrupt::Requested();
    });
    if (profile.ok()) return Recording{.profile = *std::move(profile)};
    if (!Interrupt::Requested() || !request.window().has_next()) return profile.status();
  }
  // What was sampled until now is in the store.
  *request.mutable_window() = RangeWindow(start, Now());
  request.set_goroutines(false);
  request.set_go_labels(false);
  ASSIGN_OR_RETURN(recording.profile, client.GetProfile(request, [] { return true; }));
  recording.interrupted = true;
  return recording;
}

void Summarize(const Recording& recording, const Subject& subject, RecordFormat format, const std::string& file) {
  const v1::WindowInfo& window = recording.profile.window();
  fmt::print(stderr, "{}{}: {}\n", recording.interrupted ? "ended early: " : "", Escape(subject.text),
             WindowText(window, recording.profile.samples()));
  if (recording.profile.samples() == 0) fmt::print(stderr, "no samples: it used no CPU in that time\n");
  if (file == "-") return;
  fmt::print(stderr, "wrote {}\nnext: {}\n", Escape(file), Escape(NextStepFor(format, file)));
}

absl::StatusOr<int> Record(const Options& options, const RecordOptions& record) {
  const RecordFormat format = FormatOf(record.format, record.file);
  if (record.file == "-" && format == RecordFormat::kPprof && isatty(STDOUT_FILENO) != 0) {
    return Usage("pprof is binary and standard output is a terminal: redirect it, or name a file with -f");
  }
  v1::GetProfileRequest request;
  ASSIGN_OR_RETURN(*request.mutable_selector(), options.Selector());
  ASSIGN_OR_RETURN(*request.mutable_window(), WindowFor(record));
  if ((record.goroutines || record.labels) && request.window().has_range()) {
    return Usage("--goroutines and --labels are for the time to come: what is stored does not tell goroutines apart");
  }
  request.set_goroutines(record.goroutines);
  request.set_go_labels(record.labels);
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Client::Connect(options.address));
  ASSIGN_OR_RETURN(const Subject subject, SubjectOf(*client, request.selector(), request.window().has_range()));
  const std::string path = record.file.empty() ? DefaultFile(subject, format) : record.file;
  ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(path));
  const Interrupt interrupt;
  ASSIGN_OR_RETURN(const Recording recording, Take(*client, request, subject));
  ASSIGN_OR_RETURN(const std::string content, Convert(recording.profile.pprof(), format));
  RETURN_IF_ERROR(file.Finish(content));
  Summarize(recording, subject, format, path);
  return recording.interrupted ? kExitInterrupted : kExitOk;
}

}  // namespace

int RunRecord(const Options& options, const RecordOptions& record) {
  const absl::StatusOr<int> code = Record(options, record);
  return code.ok() ? *code : Fail(code.status());
}

}  // namespace profd::profctl
