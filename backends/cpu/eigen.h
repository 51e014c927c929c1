// Eigen for the files of this backend, and nowhere else. It is compiled under a namespace name of our own, so that the linker
// never merges its inline functions, built with our flags and alignment, with those of a user's Eigen.
#pragma once

#ifndef Eigen
#define Eigen gradus_eigen
#endif
#include <Eigen/Core>
