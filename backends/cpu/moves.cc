// Families of ops that only move elements: copies by loop nests (strided_copy.h).
#include "gradus/backends/common/moves.h"

#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"

namespace gradus::cpu {

void register_concat_kernels(KernelRegistry& kernels) { register_concat_moves<Mover>(kernels, kDevice); }
void register_reverse_kernels(KernelRegistry& kernels) { register_reverse_moves<Mover>(kernels, kDevice); }
void register_slice_kernels(KernelRegistry& kernels) { register_slice_moves<Mover>(kernels, kDevice); }
void register_transpose_kernels(KernelRegistry& kernels) { register_transpose_moves<Mover>(kernels, kDevice); }

}  // namespace gradus::cpu
