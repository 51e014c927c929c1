// Eigen for the files of this backend, and nowhere else. It is compiled under a namespace name of our own, so that the linker
// never merges its inline functions, built with our flags and alignment, with those of a user's Eigen.
#pragma once

#ifndef Eigen
#define Eigen gradus_eigen
#endif
// GCC 12 warns falsely about its own AVX-512 intrinsics, whose don't-care operands are variables without a value, where Eigen's
// functions are compiled.
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>
#ifndef __clang__
#pragma GCC diagnostic pop
#endif
