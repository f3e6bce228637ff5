#include "api/http_request.h"

#include <algorithm>
#include <charconv>

namespace profd {
namespace {

std::string Decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const char* hex = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(hex, hex + 2, byte, 16).ptr == hex + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

}  // namespace

std::optional<std::string> QueryParameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    const size_t equals = part.find('=');
    if (Decode(part.substr(0, equals)) == name) {
      return equals == std::string_view::npos ? std::string() : Decode(part.substr(equals + 1));
    }
    query.remove_prefix(std::min(query.size(), part.size() + 1));
  }
  return std::nullopt;
}

}  // namespace profd
