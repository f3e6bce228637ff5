#include "described_maps.h"

#include "base/utf8.h"

namespace profd {
namespace {

constexpr size_t kMostLooks = 16384;

std::vector<UserMapFunction> Parsed(const std::vector<std::string>& texts) {
  std::vector<UserMapFunction> functions;
  for (const std::string& text : texts) {
    if (auto function = ParseUserMapFunction(text); function.ok()) functions.push_back(*std::move(function));
  }
  return functions;
}

MapFunction::Key KeyOf(UserMapFunction::KeyKind kind) {
  switch (kind) {
    case UserMapFunction::KeyKind::kNone: return MapFunction::Key::kNone;
    case UserMapFunction::KeyKind::kU32: return MapFunction::Key::kFast32;
    case UserMapFunction::KeyKind::kU64: return MapFunction::Key::kFast64;
    case UserMapFunction::KeyKind::kText:
    case UserMapFunction::KeyKind::kBytes: return MapFunction::Key::kString;
  }
  return MapFunction::Key::kNone;
}

DescribedMapFunctions ToDescribed(const UserMapFunction& function, std::vector<NamedFunction> functions) {
  return {.functions = std::move(functions),
          .operation = static_cast<MapFunction::Operation>(function.operation),
          .key = KeyOf(function.key_kind),
          .arguments = {.map = function.map,
                        .key = function.key,
                        .key_length = function.key_length,
                        .key_kind = static_cast<uint8_t>(function.key_kind)}};
}

}  // namespace

DescribedMaps::DescribedMaps(const std::vector<std::string>& texts, DescribedMapsParts parts)
    : described_(Parsed(texts)), parts_(std::move(parts)) {}

void DescribedMaps::OnEnd(const ProcessId& process) {
  std::lock_guard lock(mutex_);
  next_look_.erase(process);
}

bool DescribedMaps::IsDue(const ProcessId& process, BootTime now) const {
  std::lock_guard lock(mutex_);
  const auto next = next_look_.find(process);
  return next == next_look_.end() || now >= next->second;
}

void DescribedMaps::NextLook(const ProcessId& process, BootTime when) {
  std::lock_guard lock(mutex_);
  if (next_look_.size() >= kMostLooks) next_look_.erase(next_look_.begin());
  next_look_[process] = when;
}

absl::StatusOr<std::shared_ptr<const MapBinary>> DescribedMaps::Look(const ProcessId& process,
                                                                     Symbolizer::Patience patience) {
  constexpr std::chrono::seconds kPause{10};
  const BootTime now = parts_.clock->Boot();
  if (described_.empty() || !IsDue(process, now)) return nullptr;
  const auto program = parts_.resolver->ProgramOf(process);
  if (!program || program->excluded || program->details.exited) return nullptr;
  std::vector<DescribedMapFunctions> found;
  std::optional<ResolvedAddress> text;
  bool asked = false;
  for (const UserMapFunction& function : described_) {
    const auto mapped = parts_.resolver->TextOf(process, function.binary);
    if (!mapped || (text && *mapped->file != *text->file)) continue;
    text = mapped;
    auto functions = parts_.symbolizer->FunctionsNamed(program->details, *mapped, function.symbol, patience);
    asked = asked || !functions;
    if (functions) found.push_back(ToDescribed(function, *std::move(functions)));
  }
  if (asked) return nullptr;  // the answers are there soon
  auto file = text ? parts_.symbolizer->FileAt(program->details, *text)
                   : Error(absl::StatusCode::kNotFound, "nothing of what is described is mapped");
  NextLook(process, file.ok() ? BootTime::max() : now + kPause);
  if (!file.ok()) return nullptr;
  return BinaryOf(found, text->file->path, *std::move(file));
}

absl::StatusOr<std::shared_ptr<const MapBinary>> DescribedMaps::BinaryOf(
    const std::vector<DescribedMapFunctions>& described, const std::string& path, Symbolizer::File file) {
  std::lock_guard lock(mutex_);
  if (const auto known = binaries_.find(file.identity); known != binaries_.end()) {
    if (auto binary = known->second.lock()) return binary;
  }
  ASSIGN_OR_RETURN(MapBinary made, MapBinaryOf(described, path, std::move(file.fd)));
  for (const std::string& why : made.refused) {
    parts_.on_error(Error(absl::StatusCode::kFailedPrecondition, "{}: {}", ToPrintable(path), why));
  }
  std::erase_if(binaries_, [](const auto& one) { return one.second.expired(); });
  auto binary = std::make_shared<const MapBinary>(std::move(made));
  binaries_[file.identity] = binary;
  return binary;
}

}  // namespace profd
