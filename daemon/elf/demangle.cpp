#include "elf/demangle.h"

// Without this libiberty declares a basename() of its own, which glibc's contradicts.
#define HAVE_DECL_BASENAME 1
#include <libiberty/demangle.h>

#include <algorithm>

#include "elf/bytes.h"

namespace profd::elf {
namespace {

void Append(const char* text, size_t size, void* output) {
  auto* readable = static_cast<std::string*>(output);
  // A short encoded name may stand for an endless one; what is beyond the cap is dropped.
  if (readable->size() < kMaxName) readable->append(text, size < kMaxName ? size : kMaxName);
}

}  // namespace

std::string Demangle(std::string_view name) {
  std::string plain(name.substr(0, name.find('@')));
  if (plain.empty()) plain = name;
  const bool encoded = plain.starts_with("_Z") || plain.starts_with("_R") || plain.starts_with("__Z");
  if (!encoded || plain.size() >= kMaxName) return plain;

  constexpr int kOptions = DMGL_PARAMS | DMGL_ANSI;
  std::string readable;
  // Rust's older encoding is also valid C++, so Rust is asked first.
  if (rust_demangle_callback(plain.c_str(), kOptions, Append, &readable) != 1) {
    readable.clear();
    if (cplus_demangle_v3_callback(plain.c_str(), kOptions, Append, &readable) != 1) return plain;
  }
  readable.resize(std::min(readable.size(), kMaxName));
  return readable.empty() ? plain : readable;
}

}  // namespace profd::elf
