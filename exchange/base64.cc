#include "gradus/exchange/base64.h"

#include <array>

namespace gradus {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> kValues = [] {
  std::array<std::int8_t, 256> values{};
  for (auto& v : values) v = -1;
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
  return values;
}();

}  // namespace

std::string base64_encode(const void* bytes, std::size_t count) {
  const auto* in = static_cast<const unsigned char*>(bytes);
  std::string text;
  text.reserve((count + 2) / 3 * 4);
  for (std::size_t i = 0; i < count; i += 3) {
    const std::size_t left = count - i;
    const unsigned group = static_cast<unsigned>(in[i]) << 16 |
                           (left > 1 ? static_cast<unsigned>(in[i + 1]) << 8 : 0u) |
                           (left > 2 ? static_cast<unsigned>(in[i + 2]) : 0u);
    text += kDigits[group >> 18];
    text += kDigits[group >> 12 & 63];
    text += left > 1 ? kDigits[group >> 6 & 63] : '=';
    text += left > 2 ? kDigits[group & 63] : '=';
  }
  return text;
}

bool base64_decode(std::string_view text, void* bytes, std::size_t count) {
  if (text.size() % 4 != 0 || text.size() / 4 != (count + 2) / 3) return false;
  auto* out = static_cast<unsigned char*>(bytes);
  for (std::size_t i = 0, written = 0; i < text.size(); i += 4) {
    const std::size_t wanted = count - written < 3 ? count - written : 3;
    unsigned group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      const int value = kValues[static_cast<unsigned char>(c)];
      if (k > wanted ? c != '=' : value < 0) return false;
      group = group << 6 | (k > wanted ? 0u : static_cast<unsigned>(value));
    }
    for (std::size_t k = 0; k < wanted; ++k) out[written++] = static_cast<unsigned char>(group >> (16 - 8 * k) & 255);
  }
  return true;
}

}  // namespace gradus
