#include "config/user_map_function.h"

#include <gmock/gmock.h>

namespace profd {
namespace {

using ::testing::HasSubstr;
using Operation = UserMapFunction::Operation;
using Kind = UserMapFunction::KeyKind;

TEST(UserMapFunction, IsReadFromNamesAndValues) {
  const auto function = ParseUserMapFunction(
      "binary=/usr/lib/*/libtable.so*,symbol=table_put,operation=write,map=rdi,key=rsi,key_length=r8,key_kind=bytes");
  ASSERT_TRUE(function.ok()) << function.status();
  EXPECT_EQ(*function, (UserMapFunction{.binary = "/usr/lib/*/libtable.so*",
                                        .symbol = "table_put",
                                        .operation = Operation::kWrite,
                                        .map = 0,
                                        .key = 1,
                                        .key_length = 4,
                                        .key_kind = Kind::kBytes}));
}

TEST(UserMapFunction, NeedsNoKey) {
  const auto function = ParseUserMapFunction("binary=/a,symbol=b,map=rcx");
  ASSERT_TRUE(function.ok()) << function.status();
  EXPECT_EQ(function->operation, Operation::kRead);
  EXPECT_EQ(function->map, 3);
  EXPECT_EQ(function->key, UserMapFunction::kNoRegister);
}

TEST(UserMapFunction, ThatIsWrongSaysWhere) {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "no name=value"},
      {"binary=/a,symbol=b", "map"},
      {"symbol=b,map=rdi", "binary and symbol"},
      {"binary=,symbol=b,map=rdi", "binary is empty"},
      {"binary=/a,symbol=b,map=rax", "map is not rdi"},
      {"binary=/a,symbol=b,map=rdi,map=rsi", "map stands twice"},
      {"binary=/a,symbol=b,map=rdi,keys=rsi", "'keys' is not"},
      {"binary=/a,symbol=b,map=rdi,key=rsi", "key and key_kind"},
      {"binary=/a,symbol=b,map=rdi,key_kind=text", "key and key_kind"},
      {"binary=/a,symbol=b,map=rdi,key=rsi,key_kind=words", "key_kind is not"},
      {"binary=/a,symbol=b,map=rdi,key=rsi,key_kind=bytes", "key_length"},
      {"binary=/a,symbol=b,map=rdi,key=rsi,key_kind=text,key_length=rdx", "key_length"},
      {"binary=/a,symbol=b,map=rdi,operation=peek", "operation is not"},
      {"binary=/a,symbol=b,map=rdi,", "no name=value"}};
  for (const auto& [text, why] : wrong) {
    EXPECT_THAT(std::string(ParseUserMapFunction(text).status().message()), HasSubstr(why)) << text;
  }
}

}  // namespace
}  // namespace profd
