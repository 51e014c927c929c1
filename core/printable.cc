#include "gradus/core/printable.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus {
namespace {

unsigned byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// Bytes of the well-formed character that begins at `at`; 0 when there is none.
std::size_t character_size(std::string_view text, std::size_t at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80) return 1;
  const std::size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (size == 0 || text.size() - at < size) return 0;
  // The second byte of these excludes overlong forms, surrogates and what lies beyond U+10FFFF.
  const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte_at(text, at + 1) < low || byte_at(text, at + 1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte_at(text, at + i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

// U+0000 to U+001F, U+007F to U+009F.
bool is_control(std::string_view character) {
  const unsigned first = byte_at(character, 0);
  return first < 0x20 || first == 0x7f || (first == 0xc2 && byte_at(character, 1) < 0xa0);
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
  std::string result;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t size = character_size(text, at);
    const std::string_view piece = text.substr(at, std::max<std::size_t>(size, 1));
    if (at + piece.size() > most) return result + "...";
    if (size != 0 && !is_control(piece)) {
      result += piece;
    } else {
      for (std::size_t i = 0; i < piece.size(); ++i) result += fmt::format("\\x{:02x}", byte_at(piece, i));
    }
    at += piece.size();
  }
  return result;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = character_size(text, at);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

}  // namespace gradus
