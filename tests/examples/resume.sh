#!/usr/bin/env bash
# A training run that is killed (SIGKILL) in the middle and resumed ends with the same losses, to the bit, as one that was not.
# resume.sh TRAIN_MNIST [ARGUMENT...]; LIMIT in the environment: how many images.
set -euo pipefail
train=$1
shift
dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT
options=(--limit "${LIMIT:-1500}" --epochs 3 --batch 50 --seed 5 --quiet --checkpoint-every 4 "$@")

# Each run has another number of threads, which must not matter either.
"$train" "${options[@]}" --threads 1 --json "$dir/whole.json" >"$dir/whole.txt"

"$train" "${options[@]}" --threads 2 --checkpoint "$dir/checkpoints" --json "$dir/killed.json" >"$dir/killed.txt" &
pid=$!
# Kill it once some checkpoints of the first or second epoch are there.
for _ in $(seq 600); do
  if ls "$dir"/checkpoints/checkpoint-*[48].safetensors >/dev/null 2>&1 && [[ -s $dir/killed.txt ]]; then break; fi
  sleep 0.02
done
kill -KILL "$pid" 2>/dev/null || { echo "the run ended before it could be killed" >&2; exit 1; }
wait "$pid" 2>/dev/null || true

"$train" "${options[@]}" --threads 3 --checkpoint "$dir/checkpoints" --resume --json "$dir/resumed.json" \
  >"$dir/resumed.txt" 2>"$dir/resumed.err"
grep -q '^resumed at step ' "$dir/resumed.err"
cmp "$dir/whole.json" "$dir/resumed.json"
[[ $(tail -n 1 "$dir/whole.txt") == "$(tail -n 1 "$dir/resumed.txt")" ]]
cat "$dir/resumed.err"
tail -n 1 "$dir/resumed.txt"

# Ctrl-C: saves, says so, exits 130, and goes on from there.
rm -rf -- "$dir/checkpoints"
"$train" "${options[@]}" --checkpoint "$dir/checkpoints" >"$dir/int.txt" 2>"$dir/int.err" &
pid=$!
for _ in $(seq 600); do
  if ls "$dir"/checkpoints/checkpoint-*.safetensors >/dev/null 2>&1; then break; fi
  sleep 0.02
done
kill -INT "$pid"
status=0
wait "$pid" || status=$?
[[ $status == 130 ]] || { echo "Ctrl-C: exit status $status instead of 130" >&2; exit 1; }
grep -q 'go on with --resume' "$dir/int.err"
"$train" "${options[@]}" --checkpoint "$dir/checkpoints" --resume --json "$dir/again.json" >/dev/null 2>&1
cmp "$dir/whole.json" "$dir/again.json"
echo "killed, interrupted and resumed: the same losses to the bit"
