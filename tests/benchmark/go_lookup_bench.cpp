// How fast the worker finds what stands at an address of a Go program: GO_PROGRAM names one.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include <cstdlib>
#include <random>

#include "elf/go_build_info.h"
#include "elf/go_text.h"

namespace profd::elf {
namespace {

/// The program's own table, and addresses all over its text.
struct Program {
  std::unique_ptr<Image> image;
  Layout layout;
  std::optional<Pclntab> table;
  std::vector<uint64_t> addresses;

  static Program Open() {
    const char* path = std::getenv("GO_PROGRAM");
    Program program;
    auto image = Image::OfFile(UniqueFd(open(path ? path : "", O_RDONLY | O_CLOEXEC)));
    if (!image.ok()) return program;
    program.image = *std::move(image);
    auto layout = ReadLayout(*program.image);
    if (!layout.ok()) return program;
    program.layout = *std::move(layout);
    auto text = ReadGoText(*program.image, program.layout, ReadGoVersion(*program.image, program.layout));
    if (!text.ok()) return program;
    program.table.emplace(std::move(text->functions));
    std::mt19937_64 random(1);
    std::uniform_int_distribution<uint64_t> anywhere(program.table->text(), program.table->text_end() - 1);
    constexpr size_t kAddresses = 1 << 16;
    while (program.addresses.size() < kAddresses) {
      const uint64_t address = anywhere(random);
      if (!program.table->Find(address).empty()) program.addresses.push_back(address);
    }
    return program;
  }
};

const Program& TheProgram() {
  static const Program program = Program::Open();
  return program;
}

/// `most`: how many different addresses; a profile has far fewer than a program.
void Lookup(benchmark::State& state) {
  const Program& program = TheProgram();
  if (!program.table) {
    state.SkipWithError("GO_PROGRAM names no Go program");
    return;
  }
  const auto different = std::min<size_t>(static_cast<size_t>(state.range(0)), program.addresses.size());
  size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(program.table->Find(program.addresses[at]));
    if (++at == different) at = 0;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Lookup)->Arg(1 << 10)->Arg(1 << 16);

}  // namespace
}  // namespace profd::elf

BENCHMARK_MAIN();
