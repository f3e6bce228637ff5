#include "elf/elf_symbols.h"

#include "elf/xz.h"

namespace profd::elf {

absl::Status ElfSymbols::AddDebugData(const Image& image, const Section& packed) {
  ASSIGN_OR_RETURN(const Piece bytes, image.Map(packed.offset, packed.size, packed.name));
  ASSIGN_OR_RETURN(std::string content, Unxz(bytes.bytes()));
  unpacked_ = Image::OfMemory(std::move(content));
  ASSIGN_OR_RETURN(const Layout layout, ReadLayout(*unpacked_));
  const Section* table = layout.Find(".symtab");
  if (table == nullptr) return Error(absl::StatusCode::kInvalidArgument, "{} holds no symbol table", packed.name);
  return index_.Add(*unpacked_, layout, *table);
}

absl::StatusOr<std::unique_ptr<ElfSymbols>> ElfSymbols::Load(const Image& image, const Layout& layout) {
  std::unique_ptr<ElfSymbols> symbols(new ElfSymbols());
  absl::Status trouble;
  const auto add = [&](const char* name, const char* source, auto&& how) {
    const Section* section = layout.Find(name);
    if (section == nullptr) return;
    const size_t before = symbols->index_.size();
    const absl::Status added = how(*section);
    if (!added.ok()) trouble = added;
    if (symbols->index_.size() > before) symbols->source_ = source;
  };
  const auto table = [&](const Section& section) { return symbols->index_.Add(image, layout, section); };

  add(".symtab", "symtab", table);
  if (symbols->index_.size() == 0) {
    add(".dynsym", "dynsym", table);
    add(".gnu_debugdata", "gnu_debugdata",
        [&](const Section& section) { return symbols->AddDebugData(image, section); });
  }
  if (symbols->index_.size() == 0 && !trouble.ok()) return trouble;
  symbols->index_.Finish(layout);
  return symbols;
}

}  // namespace profd::elf
