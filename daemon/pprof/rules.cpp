#include <unordered_set>

#include "pprof/read.h"

namespace profd::pprof {
namespace {

template <typename... Args>
absl::Status Broken(fmt::format_string<Args...> format, Args&&... args) {
  return Annotate(Error(absl::StatusCode::kInvalidArgument, format, std::forward<Args>(args)...), "pprof");
}

/// Checks table by table; what refers to a table comes after it.
class RuleChecker {
 public:
  explicit RuleChecker(const format::Profile& profile) : profile_(profile) {}

  absl::Status Run() {
    if (profile_.string_table_size() == 0 || !profile_.string_table(0).empty()) {
      return Broken("string 0 is not empty");
    }
    RETURN_IF_ERROR(Header());
    RETURN_IF_ERROR(Ids("mapping", profile_.mapping(), mappings_));
    RETURN_IF_ERROR(Ids("function", profile_.function(), functions_));
    RETURN_IF_ERROR(Ids("location", profile_.location(), locations_));
    for (const auto& mapping : profile_.mapping()) {
      RETURN_IF_ERROR(Texts("mapping", mapping.id(), {mapping.filename(), mapping.build_id()}));
    }
    for (const auto& function : profile_.function()) {
      RETURN_IF_ERROR(Texts("function", function.id(), {function.name(), function.system_name(), function.filename()}));
    }
    for (const auto& location : profile_.location()) RETURN_IF_ERROR(LocationRules(location));
    for (int i = 0; i < profile_.sample_size(); ++i) RETURN_IF_ERROR(SampleRules(i, profile_.sample(i)));
    return absl::OkStatus();
  }

 private:
  bool IsText(int64_t index) const { return index >= 0 && index < profile_.string_table_size(); }

  absl::Status Texts(std::string_view what, uint64_t which, std::initializer_list<int64_t> indices) const {
    for (const int64_t index : indices) {
      if (!IsText(index)) return Broken("{} {}: there is no string {}", what, which, index);
    }
    return absl::OkStatus();
  }

  absl::Status Header() const {
    const format::ValueType& period = profile_.period_type();
    RETURN_IF_ERROR(Texts("period type", 0, {period.type(), period.unit()}));
    RETURN_IF_ERROR(
        Texts("header", 0,
              {profile_.drop_frames(), profile_.keep_frames(), profile_.default_sample_type(), profile_.doc_url()}));
    for (const int64_t comment : profile_.comment()) RETURN_IF_ERROR(Texts("comment", 0, {comment}));
    for (int i = 0; i < profile_.sample_type_size(); ++i) {
      RETURN_IF_ERROR(Texts("sample type", i, {profile_.sample_type(i).type(), profile_.sample_type(i).unit()}));
    }
    if (profile_.sample_type_size() == 0) return Broken("no sample types");
    return absl::OkStatus();
  }

  template <typename Table>
  static absl::Status Ids(std::string_view what, const Table& table, std::unordered_set<uint64_t>& ids) {
    for (const auto& entry : table) {
      if (entry.id() == 0) return Broken("a {} has the id 0", what);
      if (!ids.insert(entry.id()).second) return Broken("two {}s have the id {}", what, entry.id());
    }
    return absl::OkStatus();
  }

  absl::Status LocationRules(const format::Location& location) const {
    if (location.mapping_id() != 0 && !mappings_.contains(location.mapping_id())) {
      return Broken("location {}: there is no mapping {}", location.id(), location.mapping_id());
    }
    for (const auto& line : location.line()) {
      if (!functions_.contains(line.function_id())) {
        return Broken("location {}: there is no function {}", location.id(), line.function_id());
      }
    }
    return absl::OkStatus();
  }

  absl::Status SampleRules(int index, const format::Sample& sample) const {
    if (sample.value_size() != profile_.sample_type_size()) {
      return Broken("sample {}: {} values for {} sample types", index, sample.value_size(),
                    profile_.sample_type_size());
    }
    for (const uint64_t location : sample.location_id()) {
      if (!locations_.contains(location)) return Broken("sample {}: there is no location {}", index, location);
    }
    for (const auto& label : sample.label()) {
      RETURN_IF_ERROR(Texts("sample", index, {label.key(), label.str(), label.num_unit()}));
      if (label.key() == 0) return Broken("sample {}: a label without a key", index);
      if (label.str() != 0 && label.num() != 0) return Broken("sample {}: a label with a text and a number", index);
    }
    return absl::OkStatus();
  }

  const format::Profile& profile_;
  std::unordered_set<uint64_t> mappings_, functions_, locations_;
};

}  // namespace

absl::Status CheckRules(const format::Profile& profile) { return RuleChecker(profile).Run(); }

}  // namespace profd::pprof
