// ELF executables and libraries: Go's own table for Go's text, symbol tables for the rest (cgo).
#include <elf.h>

#include <algorithm>

#include "elf/build_id.h"
#include "elf/demangle.h"
#include "elf/elf_symbols.h"
#include "elf/go_build_info.h"
#include "elf/go_text.h"
#include "elf/object.h"

namespace profd::elf {
namespace {

constexpr uint64_t kCodeSize = 128;  // of a function, as far as it is decoded
constexpr size_t kEntrySize = 16;    // of a function, to place a probe in

// As Go's runtime prints it: type arguments are "...".
std::string GoName(std::string_view name) {
  const size_t open = name.find('['), close = name.rfind(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::string(name);
  return fmt::format("{}[...]{}", name.substr(0, open), name.substr(close + 1));
}

class ElfObject final : public Object {
 public:
  ElfObject(std::unique_ptr<Image> image, Layout layout) : image_(std::move(image)), layout_(std::move(layout)) {
    go_version_ = ReadGoVersion(*image_, layout_);
    if (!go_version_.empty()) go_ = ReadPclntab(*image_, layout_, go_version_);
  }

  absl::StatusOr<Facts> Describe() override {
    Facts facts{.build_id = ReadBuildId(*image_, layout_), .go_version = go_version_};
    if (go_.ok()) {
      facts.symbols = "gopclntab";
      facts.symbol_count = go_->size();
      return facts;
    }
    facts.symbols = "none";
    if (const auto symbols = Symbols(); symbols.ok()) {
      facts.symbols = (*symbols)->source();
      facts.symbol_count = (*symbols)->index().size();
    }
    return facts;
  }

  absl::StatusOr<Lines> Resolve(uint64_t offset) override {
    const auto address = layout_.AddressOf(offset);
    if (!address) return Lines();
    if (go_.ok() && go_->Holds(*address)) return GoLines(*address);
    const auto loaded = Symbols();
    if (!loaded.ok()) {
      // With Go's table at hand the object is not beyond help.
      if (go_.ok()) return Lines();
      return loaded.status();
    }
    const ElfSymbols* symbols = *loaded;
    const auto symbol = symbols->index().Find(*address);
    if (!symbol) return Lines();
    Line line{.function = Demangle(symbol->name), .system_name = std::string(symbol->name)};
    return Lines{std::move(line)};
  }

  absl::StatusOr<GoRuntime> AskGo() override {
    GoRuntime runtime{.version = go_version_};
    if (go_version_.empty()) return runtime;
    if (absl::Status known = FindGoroutine(runtime); !known.ok()) runtime.unknown_layout = Message(known);
    return runtime;
  }

  std::optional<uint32_t> StackDelta(uint64_t offset) override {
    const auto address = layout_.AddressOf(offset);
    return address && go_.ok() ? go_->StackDelta(*address) : std::nullopt;
  }

 private:
  absl::StatusOr<const ElfSymbols*> Symbols() {
    if (!symbols_) symbols_ = ElfSymbols::Load(*image_, layout_);
    const bool some = symbols_->ok() && (**symbols_)->index().size() > 0;
    // What is wrong with Go's table says more than that there is no other.
    if (!some && !go_version_.empty() && !go_.ok()) return go_.status();
    if (!symbols_->ok()) return symbols_->status();
    return (*symbols_)->get();
  }

  Lines GoLines(uint64_t address) const {
    Lines lines;
    for (const GoPosition& position : go_->Find(address)) {
      lines.push_back({.function = GoName(position.name),
                       .system_name = std::string(position.name),
                       .file = std::string(position.file),
                       .line = position.line,
                       .start_line = position.start_line,
                       .wrapper = position.wrapper});
    }
    return lines;
  }

  absl::Status FindGoroutine(GoRuntime& runtime) const {
    if (!layout_.is64) return Error(absl::StatusCode::kFailedPrecondition, "a 32-bit program");
    ASSIGN_OR_RETURN(runtime.offsets, GoOffsetsOf(go_version_));
    RETURN_IF_ERROR(go_.status());
    const uint64_t size = go_->text_end() - go_->text();
    if (const auto place = layout_.OffsetOf(go_->text(), size)) {
      runtime.text_offset = *place;
      runtime.text_size = size;
    }
    if (layout_.machine != EM_X86_64) return absl::OkStatus();
    runtime.stack_growth = EntryOf("runtime.(*mheap).allocManual");
    runtime.fatal_error = EntryOf("runtime.throw");
    FindMaxStack(runtime);
    FindTls(runtime);
    if (!runtime.tls) {
      return Error(absl::StatusCode::kFailedPrecondition,
                   "where its goroutine is cannot be read in runtime.stackcheck");
    }
    return CheckThread(runtime.offsets);
  }

  FunctionCode EntryOf(std::string_view name) const {
    const GoCode code = CodeOf(name);
    const auto offset = code.entry ? layout_.OffsetOf(code.entry, kEntrySize) : std::nullopt;
    if (!offset) return {};
    return {.offset = *offset, .code = std::string(code.piece.bytes().view().substr(0, kEntrySize))};
  }

  void FindMaxStack(GoRuntime& runtime) const {
    const GoCode code = CodeOf("runtime.main");
    const auto distance = DecodeMaxStack(code.piece.bytes());
    if (distance) runtime.max_stack = *distance + static_cast<int64_t>(code.entry - go_->text());
  }

  void FindTls(GoRuntime& runtime) const {
    const GoCode code = CodeOf("runtime.stackcheck");
    runtime.tls = DecodeTlsPlace(code.piece.bytes());
    if (runtime.tls && runtime.tls->slot) *runtime.tls->slot += static_cast<int64_t>(code.entry - go_->text());
  }

  // A runtime that was patched may have another layout than its version's: its code says some of it.
  absl::Status CheckThread(GoOffsets& offsets) const {
    const auto places = DecodeThreadPlaces(CodeOf("runtime.nanotime1").piece.bytes());
    if (!places) return absl::OkStatus();
    if (places->g_m != offsets.g_m || places->m_curg != offsets.m_curg) {
      return Error(absl::StatusCode::kFailedPrecondition,
                   "its code has g.m at {} and m.curg at {}, where {} has them at {} and {}", places->g_m,
                   places->m_curg, go_version_, offsets.g_m, offsets.m_curg);
    }
    offsets.m_vdso_sp = places->m_vdso_sp;
    return absl::OkStatus();
  }

  // The first bytes of a function's code; empty: there is no such function.
  struct GoCode {
    uint64_t entry = 0;
    Piece piece;
  };
  GoCode CodeOf(std::string_view name) const {
    const auto function = go_->FindByName(name);
    const auto offset = function ? layout_.OffsetOf(function->entry, kCodeSize) : std::nullopt;
    if (!offset) return {};
    auto piece = image_->Map(*offset, kCodeSize, name);
    return piece.ok() ? GoCode{function->entry, *std::move(piece)} : GoCode();
  }

  const std::unique_ptr<Image> image_;
  const Layout layout_;
  std::string go_version_;
  absl::StatusOr<Pclntab> go_ = Error(absl::StatusCode::kNotFound, "no Go program");
  // Read when first needed: a Go program without cgo never does.
  std::optional<absl::StatusOr<std::unique_ptr<ElfSymbols>>> symbols_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Object>> OpenElf(UniqueFd file) {
  ASSIGN_OR_RETURN(std::unique_ptr<Image> image, Image::OfFile(std::move(file)));
  ASSIGN_OR_RETURN(Layout layout, ReadLayout(*image));
  return std::make_unique<ElfObject>(std::move(image), std::move(layout));
}

}  // namespace profd::elf
