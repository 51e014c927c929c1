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
expect 'InvalidArgument: .*--learning-rate' --learning-rate 0
expect 'InvalidArgument: .*--learning-rate' --learning-rate nan
expect 'InvalidArgument: .*--resume needs --checkpoint' --resume
expect 'NotFound: no model .alexnet.' --model alexnet
expect "NotFound: .*$dir/nowhere" --data "$dir/nowhere"
expect 'Unavailable: .*cuda:0.* no CUDA backend' --device cuda:0
expect "NotFound: no backend for device 'tpu:0'" --device tpu:0
expect 'NotFound: cannot write' --json "$dir/no/such/file.json"
expect 'InvalidArgument: cannot use .*/no/run. for checkpoints' --checkpoint "$dir/no/run"
echo "a file" >"$dir/file"
expect 'InvalidArgument: cannot use .*/file. for checkpoints' --checkpoint "$dir/file"
mkdir -p "$dir/bad"
for file in train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
  echo "this is not an idx file" >"$dir/bad/$file"
done
expect "DataLoss: .*$dir/bad/" --data "$dir/bad"
mkdir -p "$dir/none"
for split in train t10k; do
  printf '\0\0\010\003\0\0\0\0\0\0\0\034\0\0\0\034' >"$dir/none/$split-images-idx3-ubyte"  # [0,28,28]
  printf '\0\0\010\001\0\0\0\0' >"$dir/none/$split-labels-idx1-ubyte"
done
expect 'InvalidArgument: the data set holds no images' --data "$dir/none"
expect 'OutOfRange: the loss became' --learning-rate 1e20
"$train" --quiet --limit 100 --epochs 1 --checkpoint "$dir/ck" >/dev/null
expect 'InvalidArgument: .*holds checkpoints already' --checkpoint "$dir/ck"
expect 'InvalidArgument: the checkpoint was made with batch = 64, this run has 32' --checkpoint "$dir/ck" --resume --batch 32
expect 'InvalidArgument: the checkpoint was made with seed = 1, this run has 2' --checkpoint "$dir/ck" --resume --seed 2
expect 'InvalidArgument: the checkpoint was made with model = "lenet5", this run has "deep_mnist"' \
  --checkpoint "$dir/ck" --resume --model deep_mnist
expect 'InvalidArgument: the checkpoint was made with device = ' --checkpoint "$dir/ck" --resume --device ref:0
# As many images of the same size, with other labels.
mkdir -p "$dir/other"
for split in train t10k; do
  { printf '\0\0\010\003\0\0\0\144\0\0\0\034\0\0\0\034'; head -c 78400 /dev/zero; } >"$dir/other/$split-images-idx3-ubyte"
  { printf '\0\0\010\001\0\0\0\144'; head -c 100 /dev/zero; } >"$dir/other/$split-labels-idx1-ubyte"
done
expect 'InvalidArgument: the checkpoint was made with labels_hash = ' --checkpoint "$dir/ck" --resume --data "$dir/other"
for file in "$dir"/ck/checkpoint-*; do truncate -s -1 "$file"; done
expect "DataLoss: .*$dir/ck/checkpoint-.*offset" --checkpoint "$dir/ck" --resume
exit $((failures > 0))
