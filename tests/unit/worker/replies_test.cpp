// What a worker sends that has been taken over by its object.
#include "worker/replies.h"

#include <gmock/gmock.h>

#include "worker/channel.h"

namespace profd {
namespace {

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

TEST(Replies, Garbage) {
  ExpectBroken(ParseReply("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1).status());
  ExpectBroken(ParseReply(std::string("\x1a\xff\xff\xff\xff\x0f", 6), 1).status());
  // A response, but none that was asked for.
  const auto empty = ParseReply("", 1);
  ASSERT_TRUE(empty.ok());
  ExpectBroken(FactsOf(*empty).status());
  ExpectBroken(FramesOf(*empty, 1).status());
  ExpectBroken(GoFactsOf(*empty).status());
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

}  // namespace
}  // namespace profd
