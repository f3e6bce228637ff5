// Small ELF files, right or wrong in one place.
#pragma once

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace profd::testing_elf {

template <typename T>
std::string BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

/// A regular file in memory.
inline UniqueFd FileOf(std::string_view content) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  for (std::string_view rest = content; !rest.empty();) {
    const ssize_t written = write(fd.get(), rest.data(), rest.size());
    if (written <= 0) break;
    rest.remove_prefix(static_cast<size_t>(written));
  }
  return fd;
}

/// One executable segment holds the whole file at kBase, so an address is kBase plus the offset. Sections: null, .text
/// (kTextSize bytes of code at kTextAt), what is added, .symtab with .strtab when there are symbols, .shstrtab.
class ElfBuilder {
 public:
  static constexpr uint64_t kBase = 0x400000, kTextAt = 0x1000, kTextSize = 0x1000;
  static constexpr uint64_t kText = kBase + kTextAt;

  ElfBuilder& Symbol(std::string_view name, uint64_t address, uint64_t size, unsigned char type = STT_FUNC,
                     unsigned char binding = STB_GLOBAL, uint16_t section = 1) {
    symbols_.push_back({.st_name = static_cast<uint32_t>(names_.size()),
                        .st_info = static_cast<unsigned char>(ELF64_ST_INFO(binding, type)),
                        .st_other = 0,
                        .st_shndx = section,
                        .st_value = address,
                        .st_size = size});
    names_ += std::string(name) + '\0';
    return *this;
  }
  ElfBuilder& Section(std::string_view name, std::string content, uint32_t type = SHT_PROGBITS) {
    added_.push_back({std::string(name), std::move(content), type});
    return *this;
  }
  /// The name of the table of symbols: ".symtab" or ".dynsym".
  ElfBuilder& SymbolsIn(std::string_view name) {
    table_ = name;
    return *this;
  }

  std::string Build() const {
    std::string file(kTextAt + kTextSize, '\x90');
    std::vector<Elf64_Shdr> sections(2);
    std::string section_names("\0.text\0", 7);
    sections[1] = {.sh_name = 1,
                   .sh_type = SHT_PROGBITS,
                   .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                   .sh_addr = kText,
                   .sh_offset = kTextAt,
                   .sh_size = kTextSize};
    const auto append = [&](std::string_view name, std::string_view content, uint32_t type, uint32_t link) {
      file.resize((file.size() + 15) / 16 * 16);
      sections.push_back({.sh_name = static_cast<uint32_t>(section_names.size()),
                          .sh_type = type,
                          .sh_addr = kBase + file.size(),
                          .sh_offset = file.size(),
                          .sh_size = content.size(),
                          .sh_link = link});
      section_names += std::string(name) + '\0';
      file += content;
    };
    for (const auto& [name, content, type] : added_) append(name, content, type, 0);
    if (!symbols_.empty()) {
      std::string table = BytesOf(Elf64_Sym{});
      for (const Elf64_Sym& symbol : symbols_) table += BytesOf(symbol);
      append(table_, table, table_ == ".symtab" ? SHT_SYMTAB : SHT_DYNSYM, static_cast<uint32_t>(sections.size() + 1));
      append(".strtab", names_, SHT_STRTAB, 0);
    }
    const uint32_t own_name = static_cast<uint32_t>(section_names.size());
    const std::string all_names = section_names + std::string(".shstrtab\0", 10);
    append(".shstrtab", all_names, SHT_STRTAB, 0);
    sections.back().sh_name = own_name;
    file.resize((file.size() + 15) / 16 * 16);

    Elf64_Ehdr header{.e_type = ET_EXEC,
                      .e_machine = EM_X86_64,
                      .e_version = EV_CURRENT,
                      .e_phoff = sizeof(Elf64_Ehdr),
                      .e_shoff = file.size(),
                      .e_ehsize = sizeof(Elf64_Ehdr),
                      .e_phentsize = sizeof(Elf64_Phdr),
                      .e_phnum = 1,
                      .e_shentsize = sizeof(Elf64_Shdr),
                      .e_shnum = static_cast<uint16_t>(sections.size()),
                      .e_shstrndx = static_cast<uint16_t>(sections.size() - 1)};
    std::memcpy(header.e_ident,
                "\x7f"
                "ELF\x02\x01\x01",
                7);
    for (const Elf64_Shdr& section : sections) file += BytesOf(section);
    const Elf64_Phdr segment{.p_type = PT_LOAD,
                             .p_flags = PF_R | PF_X,
                             .p_offset = 0,
                             .p_vaddr = kBase,
                             .p_filesz = file.size(),
                             .p_memsz = file.size()};
    file.replace(0, sizeof(header), BytesOf(header));
    file.replace(sizeof(header), sizeof(segment), BytesOf(segment));
    return file;
  }

 private:
  struct Added {
    std::string name, content;
    uint32_t type;
  };
  std::vector<Elf64_Sym> symbols_;
  std::vector<Added> added_;
  std::string names_ = std::string(1, '\0');
  std::string table_ = ".symtab";
};

/// `file` with the value at `offset` replaced.
template <typename T>
std::string With(std::string file, size_t offset, T value) {
  return file.replace(offset, sizeof(value), BytesOf(value));
}

}  // namespace profd::testing_elf
