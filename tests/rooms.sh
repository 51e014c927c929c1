#!/usr/bin/env bash
# scripts/rooms: the tree as it is passes, and a planted include that goes the wrong way is found.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

"$GRADUS_SOURCE/scripts/rooms" --check || fail "a room includes what it must not see"

tree=$(mktemp -d)
trap 'rm -rf -- "$tree"' EXIT
mkdir -p "$tree"/{scripts,core,graph,ops,autodiff,nn,io,exchange,backends/cpu}
cp "$GRADUS_SOURCE/scripts/rooms" "$tree/scripts/"
echo '#include "gradus/core/tensor.h"' >"$tree/graph/graph.h"
echo '#include "gradus/ops/conv2d.h"' >"$tree/backends/cpu/conv2d.cc"
"$tree/scripts/rooms" --check || fail "refuses what is allowed"
echo '#include "gradus/graph/graph.h"' >"$tree/backends/cpu/conv2d.cc"
printf '\n#include "gradus/nn/layers.h"\n' >"$tree/ops/relu.h"
found=$("$tree/scripts/rooms" --check) && fail "a wrong include passes"
expected='backends/cpu/conv2d.cc:1: backends/cpu must not include graph (graph/graph.h)
ops/relu.h:2: ops must not include nn (nn/layers.h)'
[[ "$found" == "$expected" ]] || fail "expected '$expected'; got '$found'"
# By way of a header of ops, too.
echo '#include "gradus/ops/relu.h"' >"$tree/backends/cpu/conv2d.cc"
echo '#include "gradus/graph/graph.h"' >"$tree/ops/relu.h"
found=$("$tree/scripts/rooms" --check) && fail "a kernel that sees the graph passes"
expected='backends/cpu/conv2d.cc: kernels must not see graph/graph.h (by ops/relu.h)'
[[ "$found" == "$expected" ]] || fail "expected '$expected'; got '$found'"
# A weekend path that has become too long.
for room in core graph ops autodiff backends; do
  rm -rf -- "${tree:?}/$room"
  cp -r -- "$GRADUS_SOURCE/$room" "$tree/"
done
seq -f '// %g' 1200 >>"$tree/core/tensor.h"
found=$("$tree/scripts/rooms" --check) && fail "a weekend path of over 12,000 lines passes"
[[ "$found" == "the weekend path has 1"[2-9]*" lines; README promises at most 12000" ]] || fail "of a long path it says: $found"
"$tree/scripts/rooms" --sizes 2>/dev/null && fail "takes an option that it does not have"
exit 0
