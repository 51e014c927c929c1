// The two things of cuDNN that need a GPU. Tests on machines without one link other definitions of them: the properties of a GPU
// that is described in a file, and an interpreter of plans.
#pragma once

#include <memory>
#include <span>

#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/backends/cuda/cudnn/descriptor.h"

namespace gradus::cudnn {

// What heuristics and plans need to know of a device.
Descriptor device_properties(int device);

// Puts a plan into a stream of the current device. `handle` is made when it is first needed, and kept by the caller; no two calls may
// use it at the same time.
void execute(std::shared_ptr<void>& handle, const Descriptor& plan, std::span<const Binding> bindings, void* workspace,
             cudaStream_t stream);

}  // namespace gradus::cudnn
