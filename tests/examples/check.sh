#!/usr/bin/env bash
# Runs one example (CMakeLists.txt beside this file sets BIN and WORK) and checks what it prints.
set -euo pipefail
work="$WORK/$1"
rm -rf -- "${work:?}"
mkdir -p "$work"

fail() { echo "$*" >&2; exit 1; }

# accuracy_at_least LIMIT FILE: the last line is `test accuracy: 0.NNNN`, and no less than LIMIT.
accuracy_at_least() {
  tail -n 1 "$2" | awk -v limit="$1" '/^test accuracy: [01]\.[0-9][0-9][0-9][0-9]$/ && $3 >= limit { good = 1 } END { exit !good }' ||
    fail "the last line is '$(tail -n 1 "$2")', expected a test accuracy of at least $1"
}

case "$1" in
  # d/dx and d2/dx2 of tanh(x^2) + 3x at 0.5: with t = tanh(1/4) = 0.244918662404 and s = 1 - t^2 = 0.940014848806 they are
  # t + 3/2, s + 3 and 2s - 2st.
  chain_rule)
    "$BIN/chain_rule" >"$work/out"
    cat "$work/out"
    awk 'function off(a, b) { return a > b ? a - b : b - a }
         NR == 1 { bad += off($1, 1.744918662404) > 1e-9 }
         NR == 2 { bad += off($1, 3.940014848806) > 1e-9 }
         NR == 3 { bad += off($1, 1.419575338794) > 1e-9 }
         END { exit bad > 0 || NR != 3 }' "$work/out" || fail "wrong numbers"
    ;;
  conv_gradient)
    "$BIN/conv_gradient" | tee "$work/out"
    grep -qx 'Conv2DBackpropInput: largest difference to the node built by hand 0' "$work/out" ||
      fail "the registered gradient is not the node built by hand"
    ;;
  linear_regression)
    "$BIN/linear_regression" | tee "$work/out"
    # Noise of 0.1 on 200 points leaves the slope uncertain by 0.012, the intercept by 0.007.
    grep -qE '^slope (2\.9[5-9]|3\.0[0-4])[0-9] \(true 3\), intercept -(0\.9[789]|1\.0[012])[0-9] ' "$work/out" ||
      fail "another line than y = 3x - 1"
    ;;
  train_mnist)
    "$BIN/train_mnist" --limit 6000 --epochs 1 --quiet | tee "$work/out"
    accuracy_at_least 0.9 "$work/out"
    ;;
  train_cifar10)
    "$BIN/train_cifar10" --limit 128 --epochs 1 --batch 32 --quiet | tee "$work/out"
    accuracy_at_least 0 "$work/out"
    ;;
  train_mnist_small)
    "$BIN/train_mnist_small" | tee "$work/out"
    accuracy_at_least 0.95 "$work/out"
    ;;
  *) fail "check.sh: no example '$1'" ;;
esac
