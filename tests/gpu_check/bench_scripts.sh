#!/usr/bin/env bash
# The peers of bench_gpu in Python compile, and say in one line what is missing where there is no PyTorch, no JAX or no GPU; the comparison
# takes their lines. GRADUS_SOURCE is the tree.
set -uo pipefail
dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT
export PYTHONDONTWRITEBYTECODE=1
failures=0
fail() {
  echo "$*" >&2
  failures=$((failures + 1))
}
gpu="$GRADUS_SOURCE/benchmarks/gpu"
PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX="$dir/cache" python3 -m py_compile "$gpu"/*.py || fail "a script does not compile"
for script in peer_torch peer_jax compare; do
  python3 "$gpu/$script.py" --help >"$dir/out" && grep -q -- '--only' "$dir/out" || fail "$script.py --help"
done

# Without the libraries, whatever this machine has.
mkdir -p "$dir/none/torch" "$dir/none/jax"
for library in torch jax; do echo 'raise ImportError("not here")' >"$dir/none/$library/__init__.py"; done
export PYTHONPATH="$dir/none"
expect_line() {  # expect_line PATTERN COMMAND...: exit status 2 and that one line on stderr
  local pattern=$1 status=0
  shift
  "$@" >"$dir/out" 2>"$dir/err" || status=$?
  [[ $status == 2 && $(wc -l <"$dir/err") == 1 ]] && grep -q "$pattern" "$dir/err" || fail "$*: status $status, $(cat "$dir/err")"
}
expect_line 'PyTorch is not installed (not here)' python3 "$gpu/peer_torch.py"
expect_line 'JAX is not installed (not here)' python3 "$gpu/peer_jax.py" --probe
expect_line "no mode 'fast'; modes: graph, eager" python3 "$gpu/peer_torch.py" --modes fast

line() {  # line FRAMEWORK MODE WHAT MS
  echo "{\"framework\": \"$1\", \"mode\": \"$2\", \"model\": \"lenet5\", \"batch\": 64, \"precision\": \"tf32\", \"what\": \"$3\", \"ms\": $4}"
}
{ line gradus recorded train 0.5 && line gradus recorded infer 0.2; } >"$dir/ours"
python3 "$gpu/compare.py" --ours-file "$dir/ours" >"$dir/out" 2>"$dir/err" || fail "without peers: $(cat "$dir/err")"
grep -q '^| lenet5 | 64 | tf32 | train | 0.500 |  |$' "$dir/out" || fail "without peers: $(cat "$dir/out")"
grep -q 'without torch: peer_torch: PyTorch is not installed' "$dir/err" || fail "it does not say why: $(cat "$dir/err")"
status=0
python3 "$gpu/compare.py" --ours /no/program >"$dir/out" 2>"$dir/err" || status=$?
[[ $status == 2 ]] && tail -n 1 "$dir/err" | grep -q '/no/program is not built' || fail "no program: $(cat "$dir/err")"

# With a peer: 0.75 ms are 1.5 times ours, 0.1 ms half of ours. A stand-in for PyTorch's script prints them.
cp "$gpu"/*.py "$dir/"
{ echo 'print("""'; line torch graph train 0.75; line torch eager train 2; line torch graph infer 0.1; echo '""")'; } >"$dir/peer_torch.py"
python3 "$dir/compare.py" --ours-file "$dir/ours" --lines "$dir/lines" --report "$dir/report" >"$dir/out" 2>/dev/null || fail "with a peer"
grep -qF '| lenet5 | 64 | tf32 | train | 0.500 | 2.000 (4.00) | 0.750 (1.50) | 1.50 |' "$dir/out" &&
  grep -qF '| lenet5 | 64 | tf32 | infer | 0.200 |  | 0.100 (0.50) | 0.50 |' "$dir/out" &&
  grep -qF 'faster than the fastest peer in 1 of 2' "$dir/out" || fail "with a peer: $(cat "$dir/out")"
grep -q '"verdict": "passed"' "$dir/report" || fail "report: $(cat "$dir/report")"
[[ $(wc -l <"$dir/lines") == 3 ]] || fail "lines: $(cat "$dir/lines")"
exit $((failures > 0))
