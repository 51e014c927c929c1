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

# The numbers of every epoch but for the times.
losses() { grep -oE '"(epoch|step|loss|test_loss|accuracy|test_accuracy|train_loss)": *[-+.e0-9]+' "$1"; }

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
  conv_gradient | linear_regression)
    "$BIN/$1"
    ;;
  train_mnist)
    "$BIN/train_mnist" --limit 6000 --epochs 1 --quiet | tee "$work/out"
    accuracy_at_least 0.9 "$work/out"
    ;;
  train_cifar10)
    "$BIN/train_cifar10" --limit 256 --epochs 1 --batch 64 --quiet | tee "$work/out"
    accuracy_at_least 0 "$work/out"
    ;;
  train_mnist_small)
    "$BIN/train_mnist_small" | tee "$work/out"
    accuracy_at_least 0.95 "$work/out"
    ;;
  resume)
    # Killed without warning in the middle and resumed, it must end in the same bits as when left alone.
    options=(--limit 3000 --epochs 2 --seed 3 --quiet --checkpoint-every 5)
    "$BIN/train_mnist" "${options[@]}" --checkpoint "$work/whole" --json "$work/whole.json" >"$work/whole.out"
    "$BIN/train_mnist" "${options[@]}" --checkpoint "$work/killed" --json "$work/killed.json" >"$work/killed.out" &
    training=$!
    for _ in $(seq 1200); do
      [[ -n "$(ls -A "$work/killed" 2>/dev/null)" ]] && break
      sleep 0.05
    done
    kill -KILL "$training" 2>/dev/null || true
    wait "$training" 2>/dev/null || true
    "$BIN/train_mnist" "${options[@]}" --checkpoint "$work/killed" --resume --json "$work/killed.json" >"$work/resumed.out"
    [[ "$(tail -n 1 "$work/whole.out")" == "$(tail -n 1 "$work/resumed.out")" ]] || fail "another accuracy than without a stop"
    losses "$work/whole.json" >"$work/whole.losses"
    losses "$work/killed.json" >"$work/killed.losses"
    [[ -s "$work/whole.losses" ]] || fail "no losses in $work/whole.json"
    diff "$work/whole.losses" "$work/killed.losses" || fail "other losses than without a stop"
    ;;
  bad_use)
    status=0
    "$BIN/train_mnist" --model nothing 2>"$work/err" >"$work/out" || status=$?
    cat "$work/err"
    [[ $status == 2 ]] || fail "exit code $status, expected 2"
    [[ "$(wc -l <"$work/err")" == 1 ]] && grep -q '^train_mnist: [A-Za-z]*: ' "$work/err" || fail "expected one line"
    ;;
  *) fail "check.sh: no example '$1'" ;;
esac
