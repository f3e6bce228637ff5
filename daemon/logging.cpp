#include "logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace profd {
namespace {

/// One JSON object a line; the message is escaped, whatever is in it.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    time_.format(message, stamp_);
    const auto level = spdlog::level::to_string_view(message.level);
    nlohmann::ordered_json line = {{"time", std::string(stamp_.data(), stamp_.size())},
                                   {"level", std::string(level.data(), level.size())},
                                   {"message", std::string(message.payload.data(), message.payload.size())}};
    stamp_.clear();
    const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }

 private:
  spdlog::pattern_formatter time_{"%Y-%m-%dT%H:%M:%S.%eZ", spdlog::pattern_time_type::utc, ""};
  spdlog::memory_buf_t stamp_;
};

}  // namespace

void SetUpLogging(const Config& config) {
  auto logger = std::make_shared<spdlog::logger>("profd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (config.log_format == "json") {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  }
  logger->set_level(spdlog::level::from_str(config.log_level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace profd
