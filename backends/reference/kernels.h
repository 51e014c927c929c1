// What every file of this backend shares: its device type. (backend.cc lists the op families.)
#pragma once

#include "gradus/core/kernel.h"

namespace gradus::reference {

inline constexpr const char* kDevice = "ref";

}  // namespace gradus::reference
