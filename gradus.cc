// The composition root: the only file that knows every room, and joins ops, gradients and backends.
#include "gradus/gradus.h"

namespace gradus {

const char* version() noexcept { return GRADUS_VERSION; }

}  // namespace gradus
