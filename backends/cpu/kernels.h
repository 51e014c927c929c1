// What every file of this backend shares: its device type, and what host kernels have in common. (backend.cc lists the op families.)
#pragma once

#include "gradus/backends/common/compute.h"
#include "gradus/backends/common/loop_nest.h"
#include "gradus/backends/common/work.h"
#include "gradus/core/kernel.h"

namespace gradus::cpu {

using namespace common;

inline constexpr const char* kDevice = "cpu";

}  // namespace gradus::cpu
