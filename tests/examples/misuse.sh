#!/usr/bin/env bash
# Wrong use of train_mnist: exit status 2 and one line that names the program and the kind of error.
# misuse.sh TRAIN_MNIST
set -uo pipefail
train=$1
dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT
failures=0

expect() {  # expect PATTERN ARGUMENT...
  local pattern=$1 status=0
  shift
  "$train" --quiet --limit 100 --epochs 1 "$@" >"$dir/out" 2>"$dir/err" || status=$?
  if [[ $status != 2 || $(wc -l <"$dir/err") != 1 ]] || ! grep -qE "^train_mnist: $pattern" "$dir/err"; then
    echo "train_mnist $*: exit $status, expected 2 and one line matching '$pattern'; got:" >&2
    cat "$dir/err" >&2
    failures=$((failures + 1))
  fi
}

expect 'InvalidArgument: .*--epochs' --epochs 0
expect 'InvalidArgument: .*--batch' --batch none
expect 'InvalidArgument: .*--colour' --colour
expect 'InvalidArgument: .*--resume needs --checkpoint' --resume
expect 'NotFound: no model .alexnet.' --model alexnet
expect "NotFound: .*$dir/nowhere" --data "$dir/nowhere"
expect 'Unavailable: .*cuda:0.* no CUDA backend' --device cuda:0
expect "NotFound: no backend for device 'tpu:0'" --device tpu:0
expect 'NotFound: cannot write' --json "$dir/no/such/file.json"
mkdir -p "$dir/bad"
for file in train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
  echo "this is not an idx file" >"$dir/bad/$file"
done
expect "DataLoss: .*$dir/bad/" --data "$dir/bad"
"$train" --quiet --limit 100 --epochs 1 --checkpoint "$dir/ck" >/dev/null
expect 'InvalidArgument: .*holds checkpoints already' --checkpoint "$dir/ck"
expect 'InvalidArgument: the checkpoint was made with batch = 64, this run has 32' --checkpoint "$dir/ck" --resume --batch 32
exit $((failures > 0))
