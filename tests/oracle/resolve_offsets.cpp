// resolve_offsets FILE: reads offsets in the file from standard input, a decimal number a line, and prints what the
// worker would answer for each: a JSON array of {"function", "file", "line", "wrapper"}, innermost inlined first.
#include <fcntl.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "elf/object.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: resolve_offsets FILE < OFFSETS\n");
    return 2;
  }
  auto object = profd::elf::OpenElf(profd::UniqueFd(open(argv[1], O_RDONLY | O_CLOEXEC)));
  if (!object.ok()) {
    std::fprintf(stderr, "%s: %s\n", argv[1], object.status().ToString().c_str());
    return 1;
  }
  for (uint64_t offset = 0; std::cin >> offset;) {
    nlohmann::json frames = nlohmann::json::array();
    const auto lines = (*object)->Resolve(offset);
    if (!lines.ok()) {
      std::fprintf(stderr, "%s: %s\n", argv[1], lines.status().ToString().c_str());
      return 1;
    }
    for (const profd::elf::Line& line : *lines) {
      frames.push_back(
          {{"function", line.function}, {"file", line.file}, {"line", line.line}, {"wrapper", line.wrapper}});
    }
    std::cout << frames.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  }
}
