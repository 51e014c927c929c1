// expect_error(code, "part of the text", [] { ... }): the call throws gradus::Error with that code, and its text holds that part.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "gradus/core/error.h"
#include "gradus/core/function_ref.h"

namespace gradus {

inline void expect_error(Code code, const std::string& part, FunctionRef<void()> call) {
  try {
    call();
    ADD_FAILURE() << "no error; expected " << code_name(code) << " with '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.full_text();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
        << "'" << error.what() << "' lacks '" << part << "'";
  }
}

}  // namespace gradus
