// What a worker sends that has been taken over by its object.
#include "worker/replies.h"

#include <gmock/gmock.h>

#include "worker/channel.h"

namespace profd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<std::vector<FrameLines>> FramesIn(const worker::Response& response, size_t positions) {
  ASSIGN_OR_RETURN(const worker::Response parsed, ParseReply(response.SerializeAsString(), positions));
  return FramesOf(parsed, positions);
}

void ExpectBroken(const absl::Status& status) { EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status; }

TEST(Replies, AsManyFramesAsPositionsOrNone) {
  worker::Response response;
  response.mutable_resolution()->add_frames()->add_lines()->set_function("f");
  EXPECT_EQ((*FramesIn(response, 1))[0][0].function, "f");
  ExpectBroken(FramesIn(response, 0).status());
  ExpectBroken(FramesIn(response, 2).status());
}

TEST(Replies, TooManyLinesInAFrame) {
  worker::Response response;
  auto& frame = *response.mutable_resolution()->add_frames();
  for (int i = 0; i < 65; ++i) frame.add_lines();
  response.mutable_resolution()->add_frames();
  ExpectBroken(FramesIn(response, 2).status());
}

TEST(Replies, AFloodOfEmptyMessagesIsNotEvenParsed) {
  worker::Response response;
  for (int i = 0; i < 500'000; ++i) response.mutable_resolution()->add_frames();
  const std::string content = response.SerializeAsString();
  ASSERT_LE(content.size(), kMaxResponseBytes) << "the channel would let it through";
  const auto parsed = ParseReply(content, 1);
  ExpectBroken(parsed.status());
  EXPECT_THAT(Message(parsed.status()), HasSubstr("overlarge"));
}

TEST(Replies, AFloodOfFunctionsOrNamesIsNotEvenParsed) {
  worker::Response functions, names, named;
  for (int i = 0; i < 500'000; ++i) functions.mutable_go()->add_map_functions();
  for (int i = 0; i < 500'000; ++i) names.mutable_types()->add_names();
  for (int i = 0; i < 500'000; ++i) named.mutable_functions()->add_functions();
  for (const worker::Response& flood : {functions, names, named}) {
    const std::string content = flood.SerializeAsString();
    ASSERT_LE(content.size(), kMaxResponseBytes) << "the channel would let it through";
    EXPECT_THAT(Message(ParseReply(content, 1).status()), HasSubstr("overlarge"));
  }
}

TEST(Replies, NamedFunctionsHaveAPlaceAndAPrintableName) {
  worker::Response response;
  worker::NamedFunction& function = *response.mutable_functions()->add_functions();
  function.set_name("table\x1b_get" + std::string(2000, 'x'));
  function.mutable_function()->set_offset(0x100);
  function.mutable_function()->set_code("0123456789abcdef");
  const auto functions = NamedFunctionsOf(response);
  ASSERT_TRUE(functions.ok()) << functions.status();
  ASSERT_EQ(functions->size(), 1u);
  EXPECT_EQ(functions->front().code, (FunctionCode{.offset = 0x100, .code = "0123456789abcdef"}));
  EXPECT_EQ(functions->front().name.find('\x1b'), std::string::npos);
  EXPECT_LT(functions->front().name.size(), 1100u);

  function.mutable_function()->set_code("0123456789abcdefg");
  ExpectBroken(NamedFunctionsOf(response).status());
  function.mutable_function()->set_code("");
  function.mutable_function()->set_offset(0);
  ExpectBroken(NamedFunctionsOf(response).status());
  function.mutable_function()->set_offset(1);
  for (int i = 0; i < 32; ++i) *response.mutable_functions()->add_functions() = function;
  ExpectBroken(NamedFunctionsOf(response).status());
}

TEST(Replies, Garbage) {
  ExpectBroken(ParseReply("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1).status());
  ExpectBroken(ParseReply(std::string("\x1a\xff\xff\xff\xff\x0f", 6), 1).status());
  // A response, but none that was asked for.
  const auto empty = ParseReply("", 1);
  ASSERT_TRUE(empty.ok());
  ExpectBroken(FactsOf(*empty).status());
  ExpectBroken(FramesOf(*empty, 1).status());
  ExpectBroken(GoFactsOf(*empty).status());
  ExpectBroken(TypeNamesOf(*empty, 1).status());
  ExpectBroken(NamedFunctionsOf(*empty).status());
}

TEST(Replies, NamesAreCutAndValidUtf8) {
  worker::Response response;
  auto& line = *response.mutable_resolution()->add_frames()->add_lines();
  line.set_function(std::string(100'000, 'n'));
  line.set_file("a\xff\nb");
  line.set_line(-5);
  line.set_start_line(int64_t{1} << 60);
  const auto frames = FramesIn(response, 1);
  ASSERT_TRUE(frames.ok()) << frames.status();
  const FrameLine& answer = (*frames)[0][0];
  EXPECT_EQ(answer.function.size(), 4096u);
  EXPECT_EQ(answer.file, "a\ufffd\nb");
  EXPECT_EQ(answer.line, 0);
  EXPECT_LE(answer.start_line, int64_t{1} << 31);
}

TEST(Replies, RefusalsAreOneShortLine) {
  worker::Response response;
  response.set_error("\x1b[31mred\n" + std::string(10'000, 'x'));
  const auto parsed = ParseReply(response.SerializeAsString(), 0);
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Message(parsed.status()).substr(0, 9), "?[31mred?");
  EXPECT_LE(Message(parsed.status()).size(), 512u);
}

TEST(Replies, ABuildIdIsHexadecimal) {
  worker::Response response;
  response.mutable_facts()->set_build_id("0123abcd");
  EXPECT_TRUE(FactsOf(response).ok());
  response.mutable_facts()->set_build_id("../../etc");
  ExpectBroken(FactsOf(response).status());
  response.mutable_facts()->set_build_id(std::string(130, 'a'));
  ExpectBroken(FactsOf(response).status());
}

TEST(Replies, OffsetsIntoTheRuntimeAreSmallAndAligned) {
  worker::Response response;
  worker::GoFacts& go = *response.mutable_go();
  go.set_version("go1.26");
  go.set_m_curg(184);
  EXPECT_EQ(GoFactsOf(response)->m_curg, 184u);
  go.set_m_curg(UINT32_MAX - 7);
  ExpectBroken(GoFactsOf(response).status());
  go.set_m_curg(185);
  ExpectBroken(GoFactsOf(response).status());
  go.set_m_curg(184);
  go.set_tls_g_offset(INT64_MIN);
  ExpectBroken(GoFactsOf(response).status());
}

// A function of maps in a text that starts at 0x1000.
worker::Response OneMapFunction() {
  worker::Response response;
  worker::GoFacts& go = *response.mutable_go();
  go.set_version("go1.26");
  go.set_text_offset(0x1000);
  go.set_text_size(0x100);
  worker::MapFunction& function = *go.add_map_functions();
  function.set_operation(worker::MAP_CLEAR);
  function.set_key(worker::MAP_KEY_INTERFACE);
  function.mutable_function()->set_offset(0x10ff);
  function.mutable_function()->set_code("0123456789abcdef");
  return response;
}

absl::StatusOr<GoFacts> GoFactsIn(const worker::Response& response) {
  ASSIGN_OR_RETURN(const worker::Response parsed, ParseReply(response.SerializeAsString(), 0));
  return GoFactsOf(parsed);
}

TEST(Replies, FunctionsOfMapsAreInTheTextAndOfAKnownKind) {
  EXPECT_THAT(GoFactsIn(OneMapFunction())->map_functions,
              ElementsAre(MapFunction{.operation = MapFunction::Operation::kClear,
                                      .key = MapFunction::Key::kInterface,
                                      .code = {0x10ff, "0123456789abcdef"}}));
  const auto broken = [](auto change) {
    worker::Response response = OneMapFunction();
    change(*response.mutable_go()->mutable_map_functions(0));
    ExpectBroken(GoFactsIn(response).status());
  };
  broken([](auto& function) { function.set_operation(static_cast<worker::MapOperation>(5)); });
  broken([](auto& function) { function.set_key(static_cast<worker::MapKey>(-1)); });
  for (const uint64_t offset : {0x0, 0xfff, 0x1100}) {
    broken([offset](auto& function) { function.mutable_function()->set_offset(offset); });
  }
  broken([](auto& function) { function.mutable_function()->set_code(std::string(17, 'x')); });
}

TEST(Replies, FunctionsOfMapsAreFew) {
  worker::Response response = OneMapFunction();
  worker::GoFacts& go = *response.mutable_go();
  while (go.map_functions_size() < 40) *go.add_map_functions() = go.map_functions(0);
  EXPECT_EQ(GoFactsIn(response)->map_functions.size(), 40u);
  *go.add_map_functions() = go.map_functions(0);
  ExpectBroken(GoFactsIn(response).status());
  ExpectBroken(GoFactsOf(response).status());
}

absl::StatusOr<std::vector<std::string>> TypeNamesIn(const worker::Response& response, size_t positions) {
  ASSIGN_OR_RETURN(const worker::Response parsed, ParseReply(response.SerializeAsString(), positions));
  return TypeNamesOf(parsed, positions);
}

TEST(Replies, AsManyNamesOfTypesAsPositionsOrNone) {
  worker::Response response;
  response.mutable_types()->add_names("map[string]interface {}");
  response.mutable_types()->add_names("");
  EXPECT_THAT(*TypeNamesIn(response, 2), ElementsAre("map[string]interface {}", ""));
  ExpectBroken(TypeNamesIn(response, 1).status());
  ExpectBroken(TypeNamesIn(response, 3).status());
}

TEST(Replies, NamesOfTypesAreShortAndPrintable) {
  for (const std::string& name : {std::string(1025, 'n'), std::string("a\nb"), std::string("a\xff")}) {
    worker::Response response;
    response.mutable_types()->add_names(name);
    ExpectBroken(TypeNamesIn(response, 1).status());
  }
  worker::Response longest;
  longest.mutable_types()->add_names(std::string(1024, 'n'));
  EXPECT_TRUE(TypeNamesIn(longest, 1).ok());
}

}  // namespace
}  // namespace profd
