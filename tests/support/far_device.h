// far:0 and far:1: devices whose memory is not the host's, on every machine. A rehearsal for GPUs: whatever the engine assumes about
// memory that only a CPU has, ends here in SIGSEGV. They run the reference kernels, and those of several nodes
// (tests/support/fused_kernels.h), so that results have the reference's bits.
//   - Their memory is protected against every access but by a kernel at work, copies and fills.
//   - What a kernel finds wrong while it computes is thrown at the next copy to the host, as a GPU would report it.
//   - Copies are counted.
#pragma once

#include <cstddef>

#include "gradus/core/device.h"

namespace gradus {

struct FarCopies {
  int uploads = 0, downloads = 0;
  std::size_t uploaded_bytes = 0, downloaded_bytes = 0;
};

// A program that links this has the devices, with a kernel for every one of the reference's.

// Of all far devices of this program since the last reset.
FarCopies far_copies();
void reset_far_copies();

// The options that the far device made last was given.
DeviceOptions last_far_options();

}  // namespace gradus
