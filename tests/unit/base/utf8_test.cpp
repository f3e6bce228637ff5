#include "base/utf8.h"

#include <gtest/gtest.h>

namespace profd {
namespace {

constexpr char kBad[] = "\xEF\xBF\xBD";

TEST(Utf8, LeavesValidTextAlone) {
  for (const std::string text : {"", "main.(*T).Get", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x94\xa5", "\xed\x9f\xbf"}) {
    EXPECT_EQ(ToUtf8(text), text);
    EXPECT_EQ(ToPrintable(text), text);
  }
  EXPECT_EQ(ToUtf8("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf");
}

TEST(Utf8, ReplacesEveryByteThatIsNoPartOfACharacter) {
  EXPECT_EQ(ToUtf8("a\xffz"), std::string("a") + kBad + "z");
  EXPECT_EQ(ToUtf8("\x80"), kBad);
  EXPECT_EQ(ToUtf8("\xc3"), kBad);                                                // ends too early
  EXPECT_EQ(ToUtf8("\xe2\x82z"), std::string(kBad) + kBad + "z");                 // broken off
  EXPECT_EQ(ToUtf8("\xc0\xaf"), std::string(kBad) + kBad);                        // overlong '/'
  EXPECT_EQ(ToUtf8("\xe0\x80\xaf"), std::string(kBad) + kBad + kBad);             // overlong '/'
  EXPECT_EQ(ToUtf8("\xed\xa0\x80"), std::string(kBad) + kBad + kBad);             // a surrogate
  EXPECT_EQ(ToUtf8("\xf4\x90\x80\x80"), std::string(kBad) + kBad + kBad + kBad);  // beyond the last code point
}

TEST(Utf8, KeepsZeroBytes) { EXPECT_EQ(ToUtf8(std::string("a\0b", 3)), std::string("a\0b", 3)); }

TEST(Utf8, PrintableTextCannotSteerATerminal) {
  EXPECT_EQ(ToPrintable("\x1b[31mred\r\n\t\x7f"), "?[31mred????");
  EXPECT_EQ(ToPrintable("\xc2\x9b"
                        "31m"),
            "?31m");  // C1 control sequence introducer
  EXPECT_EQ(ToPrintable("a\xe2\x80\xae"
                        "b"),
            "a?b");  // right-to-left override
  EXPECT_EQ(ToPrintable("a\xe2\x80\xa8"
                        "b",
                        ' '),
            "a b");  // line separator
  EXPECT_EQ(ToPrintable("a\xef\xbf\xbf"
                        "b"),
            "a?b");  // not allowed in XML
  EXPECT_EQ(ToPrintable("a\xfe"), std::string("a") + kBad);
}

}  // namespace
}  // namespace profd
