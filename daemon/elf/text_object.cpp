// Objects that are tables of text: perf maps and /proc/kallsyms.
#include "elf/demangle.h"
#include "elf/object.h"
#include "elf/text_table.h"

namespace profd::elf {
namespace {

// The last symbol before a gap (modules lie apart) does not reach over it.
constexpr uint64_t kMaxKernelFunction = uint64_t{1} << 20;
constexpr std::string_view kTextTypes = "tTwW";

class TextObject final : public Object {
 public:
  TextObject(TextTable table, const char* kind) : table_(std::move(table)), kind_(kind) {}

  absl::StatusOr<Facts> Describe() override {
    return Facts{.build_id = {}, .go_version = {}, .symbols = kind_, .symbol_count = table_.size()};
  }

  absl::StatusOr<Lines> Resolve(uint64_t address) override {
    const auto name = table_.Find(address);
    // The kernel's data symbols only end the functions before them; they are kept without a name.
    if (!name || name->empty()) return Lines();
    Line line;
    line.system_name = *name;
    line.function = Demangle(name->substr(0, name->find('\t')));
    return Lines{std::move(line)};
  }

  absl::StatusOr<GoRuntime> AskGo() override { return GoRuntime(); }

 private:
  const TextTable table_;
  const char* const kind_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Object>> OpenPerfMap(UniqueFd file) {
  TextTable table;
  uint32_t order = 0;
  bool any = false;
  RETURN_IF_ERROR(ForEachLine(file.get(), [&](std::string_view line) -> absl::Status {
    any = true;
    const auto start = TakeHex(line);
    if (!start) return absl::OkStatus();
    const auto size = TakeHex(line);
    if (!size || line.empty()) return absl::OkStatus();
    return table.Add(*start, *size, line, order++);
  }));
  if (any && table.size() == 0) {
    return Error(absl::StatusCode::kInvalidArgument, "no line of it is one of a perf map (start size name)");
  }
  table.Finish();
  return std::make_unique<TextObject>(std::move(table), "perf-map");
}

absl::StatusOr<std::unique_ptr<Object>> OpenKallsyms(UniqueFd file) {
  TextTable table;
  bool visible = false;
  RETURN_IF_ERROR(ForEachLine(file.get(), [&](std::string_view line) -> absl::Status {
    const auto address = TakeHex(line);
    if (!address || line.size() < 3 || line[1] != ' ') return absl::OkStatus();
    visible = visible || *address != 0;
    if (*address == 0) return absl::OkStatus();
    const char type = line[0];
    line.remove_prefix(2);
    if (kTextTypes.find(type) == std::string_view::npos) return table.Add(*address, 0, {}, 0);
    const uint32_t rank = type == 'T' ? 3 : type == 'W' ? 2 : 1;
    return table.Add(*address, 0, line, rank);
  }));
  if (!visible) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "the kernel hides its addresses from profd (all are 0): it needs CAP_SYSLOG, or sysctl "
                 "kernel.kptr_restrict=0 or 1");
  }
  table.Finish();
  table.EndEachAtTheNext(kMaxKernelFunction);
  return std::make_unique<TextObject>(std::move(table), "kallsyms");
}

}  // namespace profd::elf
