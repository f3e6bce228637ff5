// Readable names for the encoded ones of C++ and Rust.
#pragma once

#include <string>
#include <string_view>

namespace profd::elf {

/// C++ with its parameters, Rust (both encodings) without its hash; any other name as it is, without the version that a
/// library's symbol table adds to it ("memcpy@@GLIBC_2.14").
std::string Demangle(std::string_view name);

}  // namespace profd::elf
