#include "elf/go_facts.h"

#include <elf.h>

#include <algorithm>
#include <map>

namespace profd::elf {
namespace {

constexpr uint64_t kCodeSize = 128;  // of a function, as far as it is decoded
constexpr uint64_t kEntrySize = 16;  // of a function, to place a probe in

constexpr std::string_view kStackGrowth = "runtime.(*mheap).allocManual", kFatalError = "runtime.throw",
                           kMain = "runtime.main", kStackcheck = "runtime.stackcheck", kNanotime = "runtime.nanotime1";

// The beginnings of functions, by name.
class GoCode {
 public:
  struct Function {
    uint64_t at = 0;  // from the start of the text
    Bytes code;       // empty: there is no such function
  };

  // `text` is where the functions are in the file.
  GoCode(const Image& image, uint64_t text, const Pclntab& functions, std::vector<std::string_view> names)
      : entries_(functions.EntriesOf(std::move(names))), start_(functions.text()), offset_(text) {
    auto piece = image.Map(text, functions.text_end() - functions.text(), "Go's functions");
    if (piece.ok()) text_ = *std::move(piece);
  }

  Function Of(std::string_view name, uint64_t size = kCodeSize) const {
    const auto entry = entries_.find(name);
    if (entry == entries_.end()) return {};
    const uint64_t at = entry->second - start_;
    const auto rest = text_.bytes().From(at);
    if (!rest) return {};
    return {at, *rest->Slice(0, std::min<uint64_t>(size, rest->size()))};
  }

  FunctionCode EntryOf(std::string_view name) const {
    const Function function = Of(name, kEntrySize);
    if (function.code.size() == 0) return {};
    return {.offset = offset_ + function.at, .code = std::string(function.code.view())};
  }

 private:
  const std::map<std::string_view, uint64_t> entries_;
  const uint64_t start_, offset_;
  Piece text_;
};

std::optional<TlsPlace> TlsIn(const GoCode::Function& stackcheck) {
  auto place = DecodeTlsPlace(stackcheck.code);
  if (place && place->slot) *place->slot += static_cast<int64_t>(stackcheck.at);
  return place;
}

std::optional<int64_t> MaxStackIn(const GoCode::Function& main) {
  auto distance = DecodeMaxStack(main.code);
  if (distance) *distance += static_cast<int64_t>(main.at);
  return distance;
}

std::vector<MapFunction> MapFunctionsIn(const GoCode& code, const std::vector<MapFunctionName>& names) {
  std::vector<MapFunction> functions;
  for (const auto& [name, kind] : names) {
    FunctionCode entry = code.EntryOf(name);
    if (!entry.code.empty()) functions.push_back({kind, std::move(entry)});
  }
  return functions;
}

// A runtime that was patched may have another layout than its version's: its code says some of it.
absl::Status CheckThread(const Bytes& nanotime, const std::string& version, GoOffsets& offsets) {
  const auto places = DecodeThreadPlaces(nanotime);
  if (!places) return absl::OkStatus();
  if (places->g_m != offsets.g_m || places->m_curg != offsets.m_curg) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 "its code has g.m at {} and m.curg at {}, where {} has them at {} and {}", places->g_m, places->m_curg,
                 version, offsets.g_m, offsets.m_curg);
  }
  offsets.m_vdso_sp = places->m_vdso_sp;
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadGoFacts(const Image& image, const Layout& layout, const Pclntab& functions, GoRuntime& runtime) {
  const uint64_t size = functions.text_end() - functions.text();
  const auto text = layout.OffsetOf(functions.text(), size);
  if (!text) return Error(absl::StatusCode::kFailedPrecondition, "its functions are not in one segment");
  runtime.text_offset = *text;
  runtime.text_size = size;
  if (layout.machine != EM_X86_64) return absl::OkStatus();

  const std::vector<MapFunctionName> maps = MapFunctionNames(runtime.version);
  std::vector<std::string_view> names = {kStackGrowth, kFatalError, kMain, kStackcheck, kNanotime};
  for (const MapFunctionName& map : maps) names.push_back(map.name);
  const GoCode code(image, *text, functions, std::move(names));
  runtime.stack_growth = code.EntryOf(kStackGrowth);
  runtime.fatal_error = code.EntryOf(kFatalError);
  runtime.max_stack = MaxStackIn(code.Of(kMain));
  runtime.map_functions = MapFunctionsIn(code, maps);
  runtime.tls = TlsIn(code.Of(kStackcheck));
  if (!runtime.tls) {
    return Error(absl::StatusCode::kFailedPrecondition, "where its goroutine is cannot be read in runtime.stackcheck");
  }
  return CheckThread(code.Of(kNanotime).code, runtime.version, runtime.offsets);
}

}  // namespace profd::elf
