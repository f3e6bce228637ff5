// ELF executables and libraries: Go's own table for Go's text, symbol tables for the rest (cgo).
#include <elf.h>
#include <fnmatch.h>

#include "elf/build_id.h"
#include "elf/demangle.h"
#include "elf/elf_symbols.h"
#include "elf/go_build_info.h"
#include "elf/go_facts.h"
#include "elf/go_text.h"
#include "elf/go_types.h"
#include "elf/object.h"

namespace profd::elf {
namespace {

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
    if (!go_version_.empty()) go_ = ReadGoText(*image_, layout_, go_version_);
  }

  absl::StatusOr<Facts> Describe() override {
    Facts facts{.build_id = ReadBuildId(*image_, layout_), .go_version = go_version_};
    if (go_.ok()) {
      facts.symbols = "gopclntab";
      facts.symbol_count = go_->functions.size();
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
    if (go_.ok() && go_->functions.Holds(*address)) return GoLines(*address);
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
    return address && go_.ok() ? go_->functions.StackDelta(*address) : std::nullopt;
  }

  std::vector<NamedFunction> FunctionsNamed(const std::string& glob) override {
    constexpr size_t kMostName = 4096, kCode = 16;
    std::vector<NamedFunction> functions;
    const auto symbols = Symbols();
    if (!symbols.ok() || layout_.machine != EM_X86_64) return functions;
    (*symbols)->index().ForEach([&](const Symbol& symbol) {
      if (functions.size() >= kMaxNamedFunctions || symbol.name.size() > kMostName) return;
      std::string name(symbol.name);
      if (fnmatch(glob.c_str(), name.c_str(), 0) != 0) return;
      const auto offset = layout_.OffsetOf(symbol.address, kCode);
      if (!offset) return;
      const auto code = image_->Map(*offset, kCode, "a function's code");
      if (!code.ok()) return;
      functions.push_back({std::move(name), {.offset = *offset, .code = std::string(code->bytes().view())}});
    });
    return functions;
  }

  std::string TypeName(uint64_t offset) override {
    const auto address = layout_.AddressOf(offset);
    if (!address || !go_.ok()) return {};
    if (!types_) types_ = GoTypes::Read(*image_, layout_, go_->module, go_version_);
    return types_->NameOf(*address);
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
    for (const GoPosition& position : go_->functions.Find(address)) {
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
    return ReadGoFacts(*image_, layout_, go_->functions, runtime);
  }

  const std::unique_ptr<Image> image_;
  const Layout layout_;
  std::string go_version_;
  absl::StatusOr<GoText> go_ = Error(absl::StatusCode::kNotFound, "no Go program");
  // Read when first needed: a Go program without cgo never does.
  std::optional<absl::StatusOr<std::unique_ptr<ElfSymbols>>> symbols_;
  std::optional<GoTypes> types_;  // read when first asked for
};

}  // namespace

absl::StatusOr<std::unique_ptr<Object>> OpenElf(UniqueFd file) {
  ASSIGN_OR_RETURN(std::unique_ptr<Image> image, Image::OfFile(std::move(file)));
  ASSIGN_OR_RETURN(Layout layout, ReadLayout(*image));
  return std::make_unique<ElfObject>(std::move(image), std::move(layout));
}

}  // namespace profd::elf
