// ELF objects as a whole: which table answers, and which name wins.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <lzma.h>

#include "elf/object.h"
#include "unit/elf/elf_builder.h"

namespace profd::elf {
namespace {

using ::testing::IsEmpty;
using testing_elf::ElfBuilder;
using testing_elf::FileOf;

constexpr uint64_t kText = ElfBuilder::kText;

std::unique_ptr<Object> Opened(const ElfBuilder& builder) {
  auto object = OpenElf(FileOf(builder.Build()));
  EXPECT_TRUE(object.ok()) << object.status();
  return *std::move(object);
}

// The name at an address, "" when unknown.
std::string NameAt(Object& object, uint64_t address) {
  const auto lines = object.Resolve(address - ElfBuilder::kBase);
  EXPECT_TRUE(lines.ok()) << lines.status();
  return lines->empty() ? "" : (*lines)[0].function;
}

std::string Xz(const std::string& content) {
  std::string packed(lzma_stream_buffer_bound(content.size()), '\0');
  size_t size = 0;
  lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, nullptr, reinterpret_cast<const uint8_t*>(content.data()),
                          content.size(), reinterpret_cast<uint8_t*>(packed.data()), &size, packed.size());
  packed.resize(size);
  return packed;
}

TEST(ElfSymbols, AFunctionReachesAsFarAsItsSize) {
  const auto object = Opened(ElfBuilder().Symbol("f", kText + 16, 8).Symbol("g", kText + 64, 8));
  EXPECT_EQ(NameAt(*object, kText + 15), "");
  EXPECT_EQ(NameAt(*object, kText + 16), "f");
  EXPECT_EQ(NameAt(*object, kText + 23), "f");
  EXPECT_EQ(NameAt(*object, kText + 24), "");
}

TEST(ElfSymbols, OneWithoutSizeReachesToTheNextAndTheLastToTheEndOfItsSegment) {
  const auto object = Opened(ElfBuilder().Symbol("f", kText + 16, 0).Symbol("g", kText + 64, 0));
  EXPECT_EQ(NameAt(*object, kText + 63), "f");
  EXPECT_EQ(NameAt(*object, kText + 64), "g");
  EXPECT_EQ(NameAt(*object, kText + ElfBuilder::kTextSize - 1), "g");
}

TEST(ElfSymbols, AGlobalNameWinsOverAWeakOneAndThatOverALocalOne) {
  const auto object = Opened(ElfBuilder()
                                 .Symbol("a_local", kText, 8, STT_FUNC, STB_LOCAL)
                                 .Symbol("z_global", kText, 8, STT_FUNC, STB_GLOBAL)
                                 .Symbol("b_weak", kText, 8, STT_FUNC, STB_WEAK)
                                 .Symbol("a_local", kText + 8, 8, STT_FUNC, STB_LOCAL)
                                 .Symbol("z_weak", kText + 8, 8, STT_FUNC, STB_WEAK));
  EXPECT_EQ(NameAt(*object, kText), "z_global");
  EXPECT_EQ(NameAt(*object, kText + 8), "z_weak");
}

TEST(ElfSymbols, OfEqualNamesTheOneWithFewerUnderscoresWinsInWhateverOrder) {
  for (const bool first : {true, false}) {
    ElfBuilder builder;
    if (first) builder.Symbol("malloc", kText, 8);
    builder.Symbol("__libc_malloc", kText, 8);
    if (!first) builder.Symbol("malloc", kText, 8);
    EXPECT_EQ(NameAt(*Opened(builder), kText), "malloc");
  }
}

TEST(ElfSymbols, TheSizeOfAnAliasServesTheNameWithoutOne) {
  const auto object = Opened(ElfBuilder()
                                 .Symbol("global", kText, 0)
                                 .Symbol("local", kText, 8, STT_FUNC, STB_LOCAL)
                                 .Symbol("g", kText + 64, 8));
  EXPECT_EQ(NameAt(*object, kText + 7), "global");
  EXPECT_EQ(NameAt(*object, kText + 8), "");
}

TEST(ElfSymbols, AFunctionInsideAnotherDoesNotHideTheRestOfIt) {
  const auto object = Opened(ElfBuilder().Symbol("outer", kText, 100).Symbol("inner", kText + 20, 10));
  EXPECT_EQ(NameAt(*object, kText + 25), "inner");
  EXPECT_EQ(NameAt(*object, kText + 50), "outer");
}

TEST(ElfSymbols, DataIsNoFunctionAndAnIndirectFunctionIs) {
  const auto object = Opened(
      ElfBuilder().Symbol("data", kText, 64, STT_OBJECT).Symbol("chosen_at_run_time", kText + 64, 8, STT_GNU_IFUNC));
  EXPECT_EQ(NameAt(*object, kText), "");
  EXPECT_EQ(NameAt(*object, kText + 64), "chosen_at_run_time");
}

TEST(ElfSymbols, ALabelAnswersOnlyWhereNoFunctionDoes) {
  const auto object = Opened(ElfBuilder()
                                 .Symbol("assembly", kText, 0, STT_NOTYPE, STB_LOCAL)
                                 .Symbol(".Lloop", kText + 4, 0, STT_NOTYPE, STB_LOCAL)
                                 .Symbol("$x", kText + 6, 0, STT_NOTYPE, STB_LOCAL)
                                 .Symbol("function", kText + 16, 16)
                                 .Symbol("inside", kText + 20, 0, STT_NOTYPE, STB_LOCAL));
  EXPECT_EQ(NameAt(*object, kText + 8), "assembly");
  EXPECT_EQ(NameAt(*object, kText + 22), "function");
}

TEST(ElfSymbols, ALabelOutsideExecutableSectionsIsNone) {
  const auto object = Opened(ElfBuilder()
                                 .Section(".data", std::string(64, 'd'))
                                 .Symbol("f", kText + 64, 8)
                                 .Symbol("label", kText, 0, STT_NOTYPE, STB_LOCAL, 2));
  EXPECT_EQ(NameAt(*object, kText), "");
}

TEST(ElfSymbols, NamesAreReadableAndTheRawOneIsKept) {
  const auto object = Opened(ElfBuilder().Symbol("_ZN4shop6Basket3AddEi", kText, 8));
  const auto lines = object->Resolve(ElfBuilder::kTextAt);
  EXPECT_EQ((*lines)[0].function, "shop::Basket::Add(int)");
  EXPECT_EQ((*lines)[0].system_name, "_ZN4shop6Basket3AddEi");
}

TEST(ElfSymbols, TheDynamicOnesServeWithoutOthers) {
  const auto object = Opened(ElfBuilder().SymbolsIn(".dynsym").Symbol("f", kText, 8));
  EXPECT_EQ(object->Describe()->symbols, "dynsym");
  EXPECT_EQ(NameAt(*object, kText), "f");
}

TEST(ElfSymbols, PackedOnesAddWhatTheDynamicOnesLack) {
  const std::string mini = ElfBuilder().Symbol("hidden", kText + 8, 8, STT_FUNC, STB_LOCAL).Build();
  const auto object =
      Opened(ElfBuilder().SymbolsIn(".dynsym").Symbol("f", kText, 8).Section(".gnu_debugdata", Xz(mini)));
  EXPECT_EQ(object->Describe()->symbols, "gnu_debugdata");
  EXPECT_EQ(NameAt(*object, kText), "f");
  EXPECT_EQ(NameAt(*object, kText + 8), "hidden");
}

TEST(ElfSymbols, BrokenPackedOnesLeaveTheOthers) {
  std::string packed = Xz(ElfBuilder().Symbol("hidden", kText + 8, 8).Build());
  packed[packed.size() / 2] ^= 0x55;
  const auto object = Opened(ElfBuilder().SymbolsIn(".dynsym").Symbol("f", kText, 8).Section(".gnu_debugdata", packed));
  EXPECT_EQ(object->Describe()->symbols, "dynsym");
  EXPECT_EQ(NameAt(*object, kText), "f");
}

TEST(ElfSymbols, PackedOnesThatWouldFillTheMemoryAreRefused) {
  const auto object = Opened(ElfBuilder().Section(".gnu_debugdata", Xz(std::string(size_t{80} << 20, '\0'))));
  EXPECT_EQ(object->Describe()->symbols, "none");
  EXPECT_THAT(Message(object->Resolve(ElfBuilder::kTextAt).status()), ::testing::HasSubstr("gives more than"));
}

TEST(ElfObject, OneWithoutSymbolsIsNoError) {
  const auto object = Opened(ElfBuilder());
  EXPECT_EQ(object->Describe()->symbols, "none");
  EXPECT_EQ(NameAt(*object, kText), "");
}

TEST(ElfObject, HasItsBuildId) {
  const Elf64_Nhdr note{.n_namesz = 4, .n_descsz = 5, .n_type = NT_GNU_BUILD_ID};
  const std::string content = testing_elf::BytesOf(note) + std::string("GNU\0", 4) + "\x01\x23\xab\xcd\xef";
  EXPECT_EQ(Opened(ElfBuilder().Section(".note.gnu.build-id", content, SHT_NOTE))->Describe()->build_id, "0123abcdef");
}

TEST(ElfObject, AnswersNothingAboutPlacesThatAreNotLoaded) {
  const auto object = Opened(ElfBuilder().Symbol("f", kText, 8));
  EXPECT_THAT(*object->Resolve(uint64_t{1} << 40), IsEmpty());
}

TEST(ElfObject, WithoutGoSaysSo) { EXPECT_EQ(Opened(ElfBuilder())->AskGo()->version, ""); }

}  // namespace
}  // namespace profd::elf
