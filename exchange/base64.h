// Bytes as text (RFC 4648), for tensors in JSON. Internal to graph/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gradus {

std::string base64_encode(const void* bytes, std::size_t count);

// Writes exactly `count` bytes; returns false when `text` is not the encoding of that many bytes.
bool base64_decode(std::string_view text, void* bytes, std::size_t count);

}  // namespace gradus
