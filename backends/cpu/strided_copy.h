// Copies between strided views of memory: the engine behind transpose, concat, slice, pad, tile, broadcast_to and the rest of
// the ops that only move elements.
#pragma once

#include <cstdint>

#include "gradus/backends/common/loop_nest.h"
#include "gradus/core/kernel.h"

namespace gradus::cpu {

// dst[offset of operand 0] = src[offset of operand 1] for all iterations of the nest, in parallel. No two iterations may write the
// same element; dst and src must not overlap.
void strided_copy(KernelContext& c, const common::LoopNest& nest, void* dst, const void* src, std::size_t element_size);

// `element_size` bytes at `value`, repeated `count` times from dst on, in parallel.
void fill_elements(KernelContext& c, void* dst, std::int64_t count, const void* value, std::size_t element_size);
// Zero bytes, in parallel.
void zero_bytes(KernelContext& c, void* dst, std::size_t bytes);

}  // namespace gradus::cpu
