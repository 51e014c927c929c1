// run_both(y): the value of an output on cpu:0 and on ref:0, with poisoned buffers; both must agree to the bit. For ops that
// move elements or compute exactly.
#pragma once

#include <gtest/gtest.h>

#include "gradus/graph/run/session.h"

namespace gradus {

inline Tensor run_both(const Output& y, const Feeds& feeds = {}) {
  Tensor values[2];
  int i = 0;
  for (const char* device : {"cpu:0", "ref:0"}) {
    Session session(
        y.graph(),
        {.device = device, .num_threads = 2, .flush_subnormals = false, .optimize = false, .poison_outputs = true});
    values[i++] = session.run(feeds, {y}).at(0);
  }
  EXPECT_TRUE(bit_equal(values[0], values[1])) << values[0] << " on cpu:0, " << values[1] << " on ref:0";
  return values[0];
}

// The elements as doubles, for EXPECT_EQ with a list.
inline std::vector<double> elements(const Tensor& t) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < t.num_elements(); ++i) values.push_back(t.at(i));
  return values;
}

}  // namespace gradus
