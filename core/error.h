// The one exception type of Gradus: a code that programs can branch on and a text that people can act on.
// Texts about a graph node have the form `[Op 'node' at file:line] rule; got values`.
#pragma once

#include <stdexcept>
#include <string>

#include "gradus/core/language.h"

namespace gradus {

enum class Code {
  kInvalidArgument,    // the caller's argument, graph or file option is wrong
  kNotFound,           // a named thing (op, file, device, node) does not exist
  kUnimplemented,      // a valid request without a kernel or rule; the text lists what does exist
  kOutOfRange,         // an index or label lies outside its range
  kResourceExhausted,  // memory or disk does not suffice
  kDataLoss,           // a file is truncated or corrupt; the text names file and offset
  kUnavailable,        // a device or library is missing on this machine
  kInternal,           // a mistake in Gradus itself
};

// "InvalidArgument", "NotFound", ...
const char* code_name(Code code);

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Code code() const { return code_; }
  // "InvalidArgument: <what>", as the command line prints it.
  std::string full_text() const;

 private:
  Code code_;
};

inline Error invalid_argument(const std::string& message) { return {Code::kInvalidArgument, message}; }
inline Error not_found(const std::string& message) { return {Code::kNotFound, message}; }
inline Error unimplemented(const std::string& message) { return {Code::kUnimplemented, message}; }
inline Error out_of_range(const std::string& message) { return {Code::kOutOfRange, message}; }
inline Error data_loss(const std::string& message) { return {Code::kDataLoss, message}; }
inline Error unavailable(const std::string& message) { return {Code::kUnavailable, message}; }
inline Error internal_error(const std::string& message) { return {Code::kInternal, message}; }

}  // namespace gradus
