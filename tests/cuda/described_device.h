// A GPU as cuDNN knows it without one: by a description in JSON.
#pragma once

#include <cstring>
#include <span>

#include "gradus/backends/cuda/cudnn/descriptor.h"

namespace gradus::testing {

inline cudnn::Descriptor described_device(const char* json) {
  cudnn::Descriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span<const char>(json, std::strlen(json) + 1));
  properties.finalize();
  return properties;
}

}  // namespace gradus::testing
