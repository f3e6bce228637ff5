#include "profctl/escape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace profd::profctl {
namespace {

TEST(Escape, OrdinaryTextStaysAsItIs) {
  for (const char* text : {"main.(*Config).Get", "std::vector<int>::push_back", "Größe·fm", "日本語", "a b\\n", ""}) {
    EXPECT_EQ(Escape(text), text);
  }
}

TEST(Escape, ControlCharactersCannotSteerATerminal) {
  EXPECT_EQ(Escape("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(Escape("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(Escape(std::string_view("\0\x7f", 2)), "\\x00\\x7f");
  EXPECT_EQ(Escape("\xC2\x9B"
                   "31m"),
            "\\u009b31m")
      << "CSI as one C1 character";
}

TEST(Escape, InvalidUtf8IsSpelledOut) {
  EXPECT_EQ(Escape("\xff"
                   "a\xC3"),
            "\\xffa\\xc3");
  EXPECT_EQ(Escape("\xC0\xAF"), "\\xc0\\xaf") << "an overlong slash";
}

TEST(Escape, TheReadingDirectionStays) {
  EXPECT_EQ(Escape("safe\u202Eevil"), "safe\\u202eevil");
  EXPECT_EQ(Escape("\u2066\u2069\u200F"), "\\u2066\\u2069\\u200f");
  EXPECT_EQ(Escape("in\u200Bvisible\uFEFF"), "in\\u200bvisible\\ufeff");
}

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("Größe"), 5u);
  EXPECT_EQ(DisplayWidth("日本"), 4u);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u);
}

TEST(Truncate, CutsAtColumnsAndSaysSo) {
  EXPECT_EQ(Truncate("abcdef", 6), "abcdef");
  EXPECT_EQ(Truncate("abcdef", 5), "abcd…");
  EXPECT_EQ(Truncate("日本語", 4), "日…");
  EXPECT_EQ(Truncate("abc", 0), "");
}

}  // namespace
}  // namespace profd::profctl
