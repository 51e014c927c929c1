#include "gradus/core/philox.h"

#include "gradus/core/normal.h"

namespace gradus {

double PhiloxStream::normal(std::uint64_t i) const {
  const Pair u = uniform_pair(i);
  return formulas::box_muller(u.positive, u.other);
}

}  // namespace gradus
