#include "gradus/core/error.h"

namespace gradus {

const char* code_name(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "InvalidArgument";
    case Code::kNotFound: return "NotFound";
    case Code::kUnimplemented: return "Unimplemented";
    case Code::kOutOfRange: return "OutOfRange";
    case Code::kResourceExhausted: return "ResourceExhausted";
    case Code::kDataLoss: return "DataLoss";
    case Code::kUnavailable: return "Unavailable";
    case Code::kInternal: return "Internal";
  }
  return "Internal";
}

std::string Error::full_text() const { return std::string(code_name(code_)) + ": " + what(); }

}  // namespace gradus
