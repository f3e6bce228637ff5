#include "symbols/object.h"

#include <fcntl.h>

#include <algorithm>
#include <cctype>

namespace profd {
namespace {

constexpr std::chrono::seconds kBusyRetry{1};
constexpr std::chrono::seconds kFirstRetry{5};
constexpr std::chrono::seconds kLongestRetry{300};
constexpr size_t kMaxFactBytes = 64;
constexpr size_t kMaxBuildIdBytes = 128;

/// Whether another try may go better. Everything else is the object's own fault.
bool IsPassing(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnknown: return true;
    default: return false;
  }
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

/// The object's maker has a say in these, so they get no longer than they need to be.
ObjectFacts Bounded(ObjectFacts facts) {
  if (facts.build_id.size() > kMaxBuildIdBytes || !IsHex(facts.build_id)) facts.build_id.clear();
  facts.go_version.resize(std::min(facts.go_version.size(), kMaxFactBytes));
  facts.symbols.resize(std::min(facts.symbols.size(), kMaxFactBytes));
  return facts;
}

}  // namespace

void Object::SetFile(UniqueFd fd) {
  auto file = std::make_shared<UniqueFd>(std::move(fd));
  std::lock_guard lock(mutex_);
  file_ = std::move(file);
}

void Object::CloseFile() {
  std::shared_ptr<UniqueFd> file;  // closed outside of the lock, by the last who uses it
  std::lock_guard lock(mutex_);
  file.swap(file_);
}

UniqueFd Object::DuplicateFile() const {
  std::lock_guard lock(mutex_);
  return file_ ? UniqueFd(fcntl(file_->get(), F_DUPFD_CLOEXEC, 0)) : UniqueFd();
}

bool Object::HasFile() const {
  std::lock_guard lock(mutex_);
  return file_ != nullptr;
}

ObjectFacts Object::facts() const {
  std::lock_guard lock(mutex_);
  return facts_.value_or(ObjectFacts{});
}

bool Object::described() const {
  std::lock_guard lock(mutex_);
  return facts_.has_value();
}

absl::Status Object::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

std::optional<absl::StatusOr<GoFacts>> Object::known_go() const {
  std::lock_guard lock(mutex_);
  return go_;
}

std::string Object::unknown_layout() const {
  std::lock_guard lock(mutex_);
  return go_ && absl::IsFailedPrecondition(go_->status()) ? Message(go_->status()) : "";
}

bool Object::MayBeAsked(const Clock& clock) const {
  const BootTime now = clock.Boot();
  std::lock_guard lock(mutex_);
  return failure_.ok() || now >= retry_at_;
}

absl::StatusOr<std::shared_ptr<UniqueFd>> Object::Admit(const Clock& clock) const {
  const BootTime now = clock.Boot();
  std::lock_guard lock(mutex_);
  if (!failure_.ok() && now < retry_at_) return failure_;
  if (file_ == nullptr) return Error(absl::StatusCode::kFailedPrecondition, "the file is not open");
  return file_;
}

void Object::RecordAnswer(const absl::Status& status, BootTime begin, BootTime now) {
  cost_ns_ = std::max<int64_t>(cost_ns_, (now - begin).count());
  std::lock_guard lock(mutex_);
  failure_ = status;
  if (status.ok()) {
    failures_in_a_row_ = 0;
    return;
  }
  ++total_failures_;
  if (!IsPassing(status)) {
    retry_at_ = BootTime::max();
  } else if (absl::IsUnavailable(status)) {
    retry_at_ = now + kBusyRetry;
    return;  // nothing was tried, so this says nothing about the object
  } else {
    retry_at_ = now + std::min<BootTime>(kFirstRetry * (1 << std::min(failures_in_a_row_, 10)), kLongestRetry);
  }
  ++failures_in_a_row_;
}

absl::StatusOr<ObjectFacts> Object::Describe(ObjectAnalyzer& analyzer, const Clock& clock) {
  {
    std::lock_guard lock(mutex_);
    if (facts_) return *facts_;
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<UniqueFd> file, Admit(clock));
  const BootTime begin = clock.Boot();
  absl::StatusOr<ObjectFacts> answer = analyzer.Describe({identity_, kind_, file->get()});
  RecordAnswer(answer.status(), begin, clock.Boot());
  if (!answer.ok()) return answer.status();
  std::lock_guard lock(mutex_);
  facts_ = Bounded(*std::move(answer));
  return *facts_;
}

absl::StatusOr<std::vector<FrameLines>> Object::Resolve(ObjectAnalyzer& analyzer, const Clock& clock,
                                                        std::span<const uint64_t> positions) {
  ASSIGN_OR_RETURN(const std::shared_ptr<UniqueFd> file, Admit(clock));
  const BootTime begin = clock.Boot();
  absl::StatusOr<std::vector<FrameLines>> answer = analyzer.Resolve({identity_, kind_, file->get()}, positions);
  if (answer.ok() && answer->size() != positions.size()) {
    answer = Error(absl::StatusCode::kInternal, "{} answers to {} addresses", answer->size(), positions.size());
  }
  RecordAnswer(answer.status(), begin, clock.Boot());
  return answer;
}

absl::StatusOr<std::optional<uint32_t>> Object::AskStackDelta(ObjectAnalyzer& analyzer, const Clock& clock,
                                                              uint64_t position) {
  ASSIGN_OR_RETURN(const std::shared_ptr<UniqueFd> file, Admit(clock));
  const BootTime begin = clock.Boot();
  auto answer = analyzer.AskStackDeltas({identity_, kind_, file->get()}, std::span(&position, 1));
  if (answer.ok() && answer->size() != 1) answer = Error(absl::StatusCode::kInternal, "not one answer to one address");
  RecordAnswer(answer.status(), begin, clock.Boot());
  if (!answer.ok()) return answer.status();
  return answer->front();
}

absl::StatusOr<std::vector<NamedFunction>> Object::AskFunctions(ObjectAnalyzer& analyzer, const Clock& clock,
                                                                const std::string& glob) {
  ASSIGN_OR_RETURN(const std::shared_ptr<UniqueFd> file, Admit(clock));
  const BootTime begin = clock.Boot();
  auto answer = analyzer.AskFunctions({identity_, kind_, file->get()}, glob);
  RecordAnswer(answer.status(), begin, clock.Boot());
  return answer;
}

absl::StatusOr<std::string> Object::AskGoType(ObjectAnalyzer& analyzer, const Clock& clock, uint64_t position) {
  ASSIGN_OR_RETURN(const std::shared_ptr<UniqueFd> file, Admit(clock));
  const BootTime begin = clock.Boot();
  auto answer = analyzer.AskGoTypes({identity_, kind_, file->get()}, std::span(&position, 1));
  if (answer.ok() && answer->size() != 1) answer = Error(absl::StatusCode::kInternal, "not one answer to one type");
  RecordAnswer(answer.status(), begin, clock.Boot());
  if (!answer.ok()) return answer.status();
  return std::move(answer->front());
}

absl::StatusOr<GoFacts> Object::AskGo(ObjectAnalyzer& analyzer, const Clock& clock) {
  {
    std::lock_guard lock(mutex_);
    if (go_) return *go_;
  }
  // Described in any case, for all that want to know how its symbols stand; and then most need no second question.
  absl::StatusOr<ObjectFacts> facts = Describe(analyzer, clock);
  if (!facts.ok()) return facts.status();
  absl::StatusOr<GoFacts> answer = Error(absl::StatusCode::kNotFound, "no Go program");
  if (!facts->go_version.empty()) {
    ASSIGN_OR_RETURN(const std::shared_ptr<UniqueFd> file, Admit(clock));
    const BootTime begin = clock.Boot();
    answer = analyzer.AskGo({identity_, kind_, file->get()});
    // "An unknown layout" says nothing against the object's symbols.
    if (answer.ok() || IsPassing(answer.status())) RecordAnswer(answer.status(), begin, clock.Boot());
  }
  if (answer.ok()) answer->version.resize(std::min(answer->version.size(), kMaxFactBytes));
  std::lock_guard lock(mutex_);
  if (answer.ok() || !IsPassing(answer.status())) go_ = answer;
  return answer;
}

}  // namespace profd
