#!/usr/bin/env bash
# --data-on-device gives the losses that the same run has without it, to the bit, augmented or not; and either goes on where the other one
# was stopped. BIN holds the programs.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT

mnist=("$BIN/train_mnist" --limit 300 --epochs 2 --batch 64 --seed 5 --quiet)
"${mnist[@]}" --json "$dir/fed.json" >"$dir/fed.txt"
"${mnist[@]}" --data-on-device --json "$dir/resident.json" >"$dir/resident.txt"
cmp "$dir/fed.json" "$dir/resident.json"
cmp "$dir/fed.txt" "$dir/resident.txt"

cifar10=("$BIN/train_cifar10" --model lenet5 --learning-rate 0.01 --limit 120 --epochs 2 --batch 50 --quiet)
"${cifar10[@]}" --json "$dir/fed.json" >/dev/null
"${cifar10[@]}" --data-on-device --json "$dir/resident.json" >/dev/null
cmp "$dir/fed.json" "$dir/resident.json"

# The first run ends after a pass, since it cannot print what came of it; without its last checkpoint it is one that was stopped before.
"${mnist[@]}" --json "$dir/whole.json" >/dev/null
for first in '' --data-on-device; do
  second=--data-on-device
  [[ -z $first ]] || second=
  rm -rf -- "$dir/checkpoints"
  "${mnist[@]}" $first --checkpoint "$dir/checkpoints" --checkpoint-every 3 >/dev/full 2>"$dir/err" && exit 1
  rm "$dir"/checkpoints/checkpoint-*5.safetensors
  "${mnist[@]}" $second --checkpoint "$dir/checkpoints" --resume --json "$dir/resumed.json" >/dev/null 2>"$dir/err"
  grep -q '^resumed at step 3 (epoch 1, batch 3)' "$dir/err"
  cmp "$dir/whole.json" "$dir/resumed.json"
done
echo "fed, on the device, and resumed as the other: the same losses to the bit"
