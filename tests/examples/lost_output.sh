#!/usr/bin/env bash
# What an example prints is lost: on a full disk (/dev/full), through a closed output, to a reader that is gone. It ends with
# status 2 and one line, and a training run has saved its checkpoint first. BIN holds the programs.
set -uo pipefail
dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT
failures=0
trap '' PIPE  # inherited; otherwise the signal ends the program without a word

# lost REASON PROGRAM ARGUMENT...: standard output is as the caller sets it.
lost() {
  local reason=$1 program=$2 status=0
  shift 2
  "$BIN/$program" "$@" 2>"$dir/err" || status=$?
  if [[ $status != 2 || $(wc -l <"$dir/err") != 1 ]] ||
    ! grep -q "^$program: ResourceExhausted: cannot write to standard output: $reason" "$dir/err"; then
    echo "$program $*: exit $status, expected 2 and one line about '$reason'; got:" >&2
    cat "$dir/err" >&2
    failures=$((failures + 1))
  fi
}

# A pipe that nobody reads any more: opened both ways, so that opening waits for nobody, then its reading end is closed.
mkfifo "$dir/pipe"
exec 8<>"$dir/pipe" 9>"$dir/pipe" 8<&-

quick=(--limit 64 --epochs 1 --quiet)
for program in chain_rule conv_gradient linear_regression; do
  lost 'No space left on device' "$program" >/dev/full
  lost 'Bad file descriptor' "$program" >&-
  lost 'Broken pipe' "$program" >&9
done
lost 'No space left on device' train_mnist "${quick[@]}" >/dev/full
lost 'Bad file descriptor' train_mnist "${quick[@]}" >&-
lost 'Broken pipe' train_mnist "${quick[@]}" >&9
lost 'No space left on device' train_cifar10 "${quick[@]}" >/dev/full
lost 'No space left on device' train_mnist --help >/dev/full
lost 'No space left on device' train_mnist_small --help >/dev/full
if [[ -x "$BIN/bench_plan" ]]; then
  "$BIN/bench_plan" --most 1000 --only fetches >/dev/full 2>"$dir/err" && { echo "bench_plan ignores lost output" >&2; failures=$((failures + 1)); }
  grep -q '^bench_plan: cannot write to standard output: ' "$dir/err" || { cat "$dir/err" >&2; failures=$((failures + 1)); }
fi

# The epoch is saved before it is reported; and with standard output closed, nothing of it gets into the checkpoint.
lost 'Bad file descriptor' train_mnist "${quick[@]}" --checkpoint "$dir/ck" --json "$dir/log.json" >&-
grep -q '"test_accuracy"' "$dir/log.json" || { echo "the log lacks the epoch" >&2; failures=$((failures + 1)); }
"$BIN/train_mnist" "${quick[@]}" --checkpoint "$dir/ck" --resume >"$dir/out" 2>"$dir/err" ||
  { cat "$dir/err" >&2; failures=$((failures + 1)); }
grep -q 'is finished$' "$dir/err" && grep -q '^test accuracy: ' "$dir/out" ||
  { echo "the run that lost its output cannot be resumed" >&2; failures=$((failures + 1)); }

# A disk that is full when the log is written (a file may not grow): the earlier log stays, and nothing lies beside it.
echo "earlier results" >"$dir/log.json"
err=$(trap '' XFSZ; ulimit -f 0; "$BIN/train_mnist" "${quick[@]}" --json "$dir/log.json" 2>&1 >/dev/null; echo "status $?")
[[ "$err" == "train_mnist: ResourceExhausted: "*"$dir/log.json"*$'\n'"status 2" ]] ||
  { echo "a full disk under --json: $err" >&2; failures=$((failures + 1)); }
[[ $(cat "$dir/log.json") == "earlier results" ]] || { echo "the earlier log is lost" >&2; failures=$((failures + 1)); }
[[ -z $(find "$dir" -name 'log.json?*') ]] || { echo "a temporary file is left" >&2; failures=$((failures + 1)); }
exit $((failures > 0))
