#!/usr/bin/env bash
# Wrong use of the examples: exit status 2 and one line that names the program and the kind of error. BIN holds the programs.
set -uo pipefail
train=$BIN/train_mnist
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

expect "InvalidArgument: --learning-rate takes a number above 0; got '0' " --learning-rate 0
expect "InvalidArgument: --learning-rate takes a number above 0; got '-1' " --learning-rate -1
expect "InvalidArgument: --learning-rate takes a number above 0; got 'nan' " --learning-rate nan
expect "InvalidArgument: --learning-rate takes a number above 0; got 'inf' " --learning-rate=inf
expect "InvalidArgument: --learning-rate takes a number above 0; got '1e-999' " --learning-rate 1e-999
expect "InvalidArgument: --learning-rate takes a number above 0; got '0.1x' " --learning-rate 0.1x
expect "InvalidArgument: --learning-rate takes a number above 0; got '' " --learning-rate ''
expect "InvalidArgument: --batch takes an integer from 1 to 1048576; got '0' " --batch 0
expect "InvalidArgument: --batch takes an integer from 1 to 1048576; got 'none' " --batch none
expect "InvalidArgument: --batch takes an integer from 1 to 1048576; got '1e3' " --batch 1e3
expect "InvalidArgument: --threads takes an integer from 0 to 1024; got '-1' " --threads -1
expect "InvalidArgument: --threads takes an integer from 0 to 1024; got '99999999999999999999' " --threads 99999999999999999999
expect "InvalidArgument: --seed takes an integer from 0 to 4611686018427387904; got '-1' " --seed -1
expect "InvalidArgument: --checkpoint-every takes an integer from 1 to 1073741824; got '0' " --checkpoint-every 0
expect "InvalidArgument: --model takes lenet5, deep_mnist or resnet20; got 'alexnet' " --model alexnet
expect "InvalidArgument: --model takes lenet5, deep_mnist or resnet20; got 'LeNet5' " --model LeNet5
expect 'InvalidArgument: --data needs a value: DIR; got the option --resume' --data --resume
expect 'InvalidArgument: --data needs a value: DIR ' --data
expect "InvalidArgument: --data takes DIR; got '' " --data ''
expect 'InvalidArgument: --batch is given twice' --batch 5 --batch 6
expect "InvalidArgument: --resume takes no value; got '--resume=yes'" --resume=yes
expect "InvalidArgument: 'MNIST' is not an option; values follow their option, like --data DIR" MNIST
expect "InvalidArgument: no option '-x'; the options are --data, --model, " -x
expect "InvalidArgument: no option '--colour'; the options are --data, --model, --epochs, .*, --quiet " --colour
expect "InvalidArgument: no option '--epoch'; did you mean --epochs\? " --epoch 3
expect "InvalidArgument: no option '--bacth'; did you mean --batch\? " --bacth 3
expect 'InvalidArgument: --resume needs --checkpoint DIR' --resume
expect "NotFound: .*$dir/nowhere" --data "$dir/nowhere"
# Whatever is missing: the backend in this build, the driver, or a GPU. Where nothing is, there is nothing to refuse.
if ! "$BIN/gradus" devices | grep -q '^cuda:0 '; then
  expect "Unavailable: device 'cuda:0' cannot be used: .*(no CUDA backend|no NVIDIA driver|driver is too old|finds no GPU)" --device cuda:0
fi
expect "NotFound: no backend for device 'tpu:0'" --device tpu:0
expect "NotFound: .*$dir/no/such/file.json.* cannot be written" --json "$dir/no/such/file.json"
expect "InvalidArgument: .*$dir: cannot be written: it is " --json "$dir"
expect "InvalidArgument: --checkpoint: cannot save in '$dir/no/run': there is no folder '$dir/no/*' to make it in" \
  --checkpoint "$dir/no/run"
echo "a file" >"$dir/file"
expect "InvalidArgument: --checkpoint: cannot save in '$dir/file': it is a file, not a folder" --checkpoint "$dir/file"
expect "InvalidArgument: --checkpoint: cannot save in '$dir/file/run': there is no folder '$dir/file/*'" --checkpoint "$dir/file/run"
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
expect "InvalidArgument: the checkpoint in '$dir/ck' is of another run: batch was 64 and is 32; give the options of that run" --checkpoint "$dir/ck" --resume --batch 32
expect 'InvalidArgument: .* is of another run: batch was 64 and is 8, seed was 1 and is 2; ' --checkpoint "$dir/ck" --resume --seed 2 --batch 8
expect 'InvalidArgument: .* is of another run: model was "lenet5" and is "deep_mnist"; ' \
  --checkpoint "$dir/ck" --resume --model deep_mnist
expect 'InvalidArgument: .* is of another run: device was ' --checkpoint "$dir/ck" --resume --device ref:0
# As many images of the same size, with other labels.
mkdir -p "$dir/other"
for split in train t10k; do
  { printf '\0\0\010\003\0\0\0\144\0\0\0\034\0\0\0\034'; head -c 78400 /dev/zero; } >"$dir/other/$split-images-idx3-ubyte"
  { printf '\0\0\010\001\0\0\0\144'; head -c 100 /dev/zero; } >"$dir/other/$split-labels-idx1-ubyte"
done
expect 'InvalidArgument: .* is of another run: labels_hash was ' --checkpoint "$dir/ck" --resume --data "$dir/other"
# A failed run leaves an earlier --json as it was.
echo "earlier results" >"$dir/earlier.json"
expect 'OutOfRange: the loss became' --learning-rate 1e20 --json "$dir/earlier.json"
[[ $(cat "$dir/earlier.json") == "earlier results" ]] || { echo "a failed run replaced --json" >&2; failures=$((failures + 1)); }
for file in "$dir"/ck/checkpoint-*; do truncate -s -1 "$file"; done
expect "DataLoss: .*$dir/ck/checkpoint-.*offset 8: truncated: the tensors take [0-9]* bytes of data, the file has " --checkpoint "$dir/ck" --resume

expect_of() {  # expect_of PROGRAM PATTERN ARGUMENT...
  local program=$1 pattern=$2 status=0
  shift 2
  "$BIN/$program" "$@" >"$dir/out" 2>"$dir/err" || status=$?
  if [[ $status != 2 || -s "$dir/out" || $(wc -l <"$dir/err") != 1 ]] || ! grep -qE "^$program: $pattern" "$dir/err"; then
    echo "$program $*: exit $status, expected 2 and one line matching '$pattern'; got:" >&2
    cat "$dir/err" >&2
    failures=$((failures + 1))
  fi
}

for program in chain_rule conv_gradient linear_regression; do
  expect_of "$program" "InvalidArgument: 'word' is not an option; $program takes no arguments" word
  expect_of "$program" "InvalidArgument: no option '--seed'" --seed 3
done
expect_of train_mnist_small "NotFound: .*$dir/nowhere" "$dir/nowhere"
expect_of train_mnist_small "DataLoss: .*$dir/bad/" "$dir/bad"
expect_of train_mnist_small "InvalidArgument: one DIR at most; got 'a' and 'b'" a b
expect_of train_mnist_small "InvalidArgument: no option '--epochs'" --epochs 3
expect_of train_mnist_small 'InvalidArgument: DIR is empty' ''
expect_of train_cifar10 "NotFound: .*$dir/nowhere" --data "$dir/nowhere"
expect_of train_cifar10 "InvalidArgument: no option '--colour'" --colour

# The benchmarks, where they are built.
benchmarks=()
for program in bench_concurrent bench_conv bench_plan bench_train; do
  [[ ! -x "$BIN/$program" ]] || benchmarks+=("$program")
done
for program in "${benchmarks[@]}"; do
  expect_of "$program" "InvalidArgument: no option '--thread'; (did you mean --threads\?|the options are --)" --thread 2
  expect_of "$program" "InvalidArgument: 'lenet5' is not an option" lenet5
done

for program in "${benchmarks[@]}" chain_rule conv_gradient linear_regression train_mnist_small train_mnist train_cifar10; do
  for flag in --help -h; do
    "$BIN/$program" "$flag" >"$dir/out" 2>"$dir/err" && [[ ! -s "$dir/err" ]] && grep -q "^Usage: $program" "$dir/out" &&
      grep -q -- '^  --help  *this text$' "$dir/out" || { echo "$program $flag prints no help" >&2; failures=$((failures + 1)); }
  done
done
exit $((failures > 0))
