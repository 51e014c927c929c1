// Text that came out of a file, as an error message may show it.
#pragma once

#include <string>
#include <string_view>

namespace gradus {

// On one line, valid UTF-8, without control characters (these and bytes that are no UTF-8 become \x1b, \xff, ...), and cut after
// about `most` bytes of `text`.
std::string printable(std::string_view text, std::size_t most = 80);

// Whether `text` is well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no surrogates, at most U+10FFFF).
bool is_utf8(std::string_view text);

}  // namespace gradus
