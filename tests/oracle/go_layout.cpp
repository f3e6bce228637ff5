// go_layout FILE: what the worker would tell about the layout of a Go program's runtime, as a JSON object of offsets.
#include <fcntl.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "elf/object.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: go_layout FILE\n");
    return 2;
  }
  auto object = profd::elf::OpenElf(profd::UniqueFd(open(argv[1], O_RDONLY | O_CLOEXEC)));
  const auto go = object.ok() ? (*object)->AskGo() : object.status();
  if (!go.ok() || !go->unknown_layout.empty()) {
    std::fprintf(stderr, "%s: %s\n", argv[1], go.ok() ? go->unknown_layout.c_str() : go.status().ToString().c_str());
    return 1;
  }
  const profd::elf::GoOffsets& offsets = go->offsets;
  std::cout << nlohmann::json{{"g.stack", offsets.g_stack_lo},  {"g.m", offsets.g_m},
                              {"g.goid", offsets.g_goid},       {"g.labels", offsets.g_labels},
                              {"sched.sp", offsets.g_sched_sp}, {"sched.pc", offsets.g_sched_pc},
                              {"sched.bp", offsets.g_sched_bp}, {"m.g0", offsets.m_g0},
                              {"m.gsignal", offsets.m_gsignal}, {"m.curg", offsets.m_curg},
                              {"m.vdsoSP", offsets.m_vdso_sp}}
                   .dump()
            << '\n';
}
