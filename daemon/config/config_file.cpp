#include "config/config_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <set>

#include "base/unique_fd.h"
#include "config/options.h"

namespace profd {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

absl::Status Wrong(const std::string& where, std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "{}: {}", where, what);
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Wrong(path, fmt::format("cannot open the configuration file: {}", ErrnoText(errno)));
  std::string text(kMaxBytes + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Wrong(path, fmt::format("cannot read the configuration file: {}", ErrnoText(errno)));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kMaxBytes) return Wrong(path, fmt::format("a configuration file has at most {} bytes", kMaxBytes));
  text.resize(size);
  return text;
}

std::string At(const std::string& path, const YAML::Mark& mark) {
  return mark.is_null() ? path : fmt::format("{}:{}", path, mark.line + 1);
}

std::string_view TypeOf(const YAML::Node& node) {
  return node.IsMap() ? "a map" : node.IsSequence() ? "a list" : "empty";
}

/// The texts of a value: one for a scalar, all of a list's where a list may stand.
absl::StatusOr<std::vector<std::string>> TextsOf(const Option& option, const YAML::Node& value) {
  if (value.IsScalar()) return std::vector{value.Scalar()};
  std::vector<std::string> texts;
  if (value.IsSequence() && option.IsList()) {
    for (const YAML::Node& entry : value) {
      if (!entry.IsScalar()) {
        return Error(absl::StatusCode::kInvalidArgument, "an entry is {}, not {}", TypeOf(entry), option.expected);
      }
      texts.push_back(entry.Scalar());
    }
    return texts;
  }
  return Error(absl::StatusCode::kInvalidArgument, "the value is {}, not {}", TypeOf(value), option.expected);
}

absl::Status Apply(const std::string& path, const YAML::Node& root, Config& config) {
  if (root.IsNull()) return absl::OkStatus();
  if (!root.IsMap()) return Wrong(At(path, root.Mark()), "a configuration file is a map of `key: value` lines");
  std::set<std::string> seen;
  for (const auto& entry : root) {
    const YAML::Node &name = entry.first, &value = entry.second;
    const std::string where = At(path, name.Mark());
    if (!name.IsScalar()) return Wrong(where, "a key must be a word");
    const std::string& key = name.Scalar();
    const Option* option = FindOption(key);
    if (option == nullptr) {
      std::vector<std::string> keys;
      for (const Option& known : Options()) keys.emplace_back(known.key);
      return Wrong(where, fmt::format("unknown key '{}', did you mean '{}'?", key, Nearest(key, keys)));
    }
    if (!seen.insert(key).second) return Wrong(where, fmt::format("{}: the key stands twice in the file", key));
    absl::StatusOr<std::vector<std::string>> texts = TextsOf(*option, value);
    const absl::Status status = texts.ok() ? SetOption(*option, *texts, config) : texts.status();
    if (!status.ok()) return Annotate(status, fmt::format("{}: {}", At(path, value.Mark()), key));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadConfigFile(const std::string& path, Config& config) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) return Wrong(path, "more than one YAML document");
    return documents.empty() ? absl::OkStatus() : Apply(path, documents.front(), config);
  } catch (const YAML::Exception& error) {
    return Wrong(At(path, error.mark), error.msg);
  }
}

}  // namespace profd
