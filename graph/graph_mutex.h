// The lock of a graph, in a header of its own because <shared_mutex> is slow to compile and users never need it.
#pragma once

#include <shared_mutex>

namespace gradus {

struct GraphMutex : std::shared_mutex {};

}  // namespace gradus
