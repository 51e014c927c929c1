#!/usr/bin/env bash
# scripts/bench_peers with stand-ins for all programs: the ratios are those of the medians; what is missing or fails is told in one line, and the
# others' results are not lost; mistakes are refused before anything runs. GRADUS_SOURCE is the tree.
set -uo pipefail
dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT
export PYTHONDONTWRITEBYTECODE=1
failures=0
fail() {
  echo "$*" >&2
  failures=$((failures + 1))
}
bench_peers="$GRADUS_SOURCE/scripts/bench_peers"
PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX="$dir/cache" python3 -m py_compile "$GRADUS_SOURCE"/benchmarks/peers/*.py || fail "a script does not compile"

expect_line() {  # expect_line PATTERN OPTIONS...: exit status 2, and that as the last line on stderr
  local pattern=$1 status=0
  shift
  "$bench_peers" "$@" >"$dir/out" 2>"$dir/err" || status=$?
  [[ $status == 2 && ! -s "$dir/out" ]] && tail -n 1 "$dir/err" | grep -q -- "$pattern" || fail "$*: status $status, $(cat "$dir/err")"
}
"$bench_peers" --help | grep -q -- '--make-venv' || fail "--help"
expect_line 'bench_train is not built (cmake' --bin "$dir"
expect_line 'bench_conv is not built (cmake' --bin "$dir" --conv
expect_line "an integer, 1 or more; got 'x'" --batch 1,x
expect_line "an integer, 1 or more; got '0'" --rounds 0
expect_line 'there is no folder /nowhere for --json' --json /nowhere/file
expect_line '--only is for --conv' --only lenet5
expect_line '--model is for training; with --conv' --conv --model resnet20
expect_line '--peers is for training; with --conv' --conv --peers libtorch
expect_line "--peers names no peer; got ','" --peers ,
expect_line "--json takes the name of a file" --json ''
expect_line '--seconds must be above 0' --seconds 0
touch "$dir/file"
expect_line "$dir is no virtual environment\|$dir exists and is no virtual environment" --make-venv "$dir"

# Programs that print the time in the place of measuring it. Ours takes 2, 4, 3, ... ms, as a file counts its runs.
mkdir -p "$dir/bin" "$dir/venv/bin"
train_line() {  # train_line FRAMEWORK TRAIN_MS INFER_MS
  echo "{\"framework\": \"$1\", \"version\": \"1.0\", \"train_ms\": $2, \"infer_ms\": $3, \"peak_rss_mb\": 50, \"busy_processors\": 1.5}"
}
cat >"$dir/bin/bench_train" <<END
#!/usr/bin/env bash
echo run >>"$dir/runs"
case \$((\$(wc -l <"$dir/runs") % 3)) in 1) ms=2 ;; 2) ms=4 ;; *) ms=3 ;; esac
echo '$(train_line gradus TIME 1)' | sed "s/TIME/\$ms/"
END
cat >"$dir/bin/peer_train_libtorch" <<END
#!/usr/bin/env bash
[[ "\$*" == *nhwc* ]] && echo '$(train_line "libtorch nhwc" 6 4)' || echo '$(train_line "libtorch nchw" 9 1.5)'
END
cat >"$dir/venv/bin/python" <<END
#!/usr/bin/env bash
case "\$*" in
  *tensorflow*) echo "peer_train_tensorflow: TensorFlow is not installed (none here)" >&2; exit 2 ;;
  *--probe*) echo 1.0 ;;
  *jax*) echo "first" >&2; echo "it broke" >&2; exit 3 ;;
  *) echo '$(train_line pytorch 7.5 1.2)' ;;
esac
END
chmod +x "$dir"/bin/* "$dir/venv/bin/python"
status=0
"$bench_peers" --bin "$dir/bin" --venv "$dir/venv" --threads 1 --steps 5 --rounds 3 --batch 1,128 --json "$dir/json" >"$dir/out" 2>"$dir/err" || status=$?
[[ $status == 1 ]] || fail "a peer failed, and the status is $status: $(cat "$dir/err")"
grep -qx 'bench_peers: without TensorFlow: peer_train_tensorflow: TensorFlow is not installed (none here); scripts/bench_peers --make-venv installs it' \
  "$dir/err" || fail "TensorFlow: $(cat "$dir/err")"
grep -qx 'bench_peers: jax jit failed on lenet5, batch 128: exit status 3: it broke' "$dir/err" || fail "JAX: $(cat "$dir/err")"
for row in 'lenet5 | 128 | train | 3.000 | libtorch nhwc | 6.000 | 2.00 | 3.00 | 2.00 | 2.50 | 2.50 | ' \
  'lenet5 | 1 | infer | 1.000 | pytorch eager | 1.200 | 1.20 | 1.50 | 4.00 | 1.20 | 1.20 | '; do
  tr -s ' ' <"$dir/out" | grep -qF "$row" || fail "no row '$row': $(cat "$dir/out")"
done
python3 - "$dir/json" <<'END' || fail "--json: $(cat "$dir/json")"
import json, sys
data = json.load(open(sys.argv[1], encoding="utf-8"))
names = [result["framework"] for result in data["results"] if result["batch"] == 128]
assert names == ["gradus", "libtorch nchw", "libtorch nhwc", "pytorch eager", "pytorch compile"], names
assert data["results"][0]["train_ms"] == 3 and [run["train_ms"] for run in data["results"][0]["rounds"]] == [2, 4, 3]
assert data["results"][0]["spread"] == 2 and len(data["failed"]) == 2 and len(data["missing"]) == 1
assert data["date"] and data["machine"]["processor"] and "--rounds 3" in data["command"] and data["versions"]["libtorch"] == "1.0"
END
expect_line "none of the peers that are here has 'caffe' in its name" --bin "$dir/bin" --venv "$dir/venv" --peers caffe

# What a file holds stays until something was measured; a link is followed; what is no file is left alone.
usual=(--bin "$dir/bin" --venv "$dir/venv" --threads 1 --steps 5 --rounds 1)
echo before >"$dir/kept" && ln -s kept "$dir/link" && mkfifo "$dir/fifo" && mkdir "$dir/folder"
expect_line "'caffe' in its name" "${usual[@]}" --peers caffe --json "$dir/kept"
[[ $(cat "$dir/kept") == before ]] || fail "--json was emptied before anything was measured"
"$bench_peers" "${usual[@]}" --peers libtorch --json "$dir/link" >"$dir/out" 2>"$dir/err" || fail "a link: $(cat "$dir/err")"
[[ -L "$dir/link" ]] && grep -q '"results"' "$dir/kept" || fail "--json does not follow a link"
for no_file in fifo folder folder/; do expect_line 'it is not a regular file' "${usual[@]}" --json "$dir/$no_file"; done
[[ -p "$dir/fifo" && -z $(ls -A "$dir/folder") && -z $(find "$dir" -name '*.part') ]] || fail "--json left something: $(find "$dir" -name '*.part')"
status=0
"$bench_peers" "${usual[@]}" --peers libtorch >/dev/full 2>"$dir/err" || status=$?
[[ $status == 2 && $(tail -n 1 "$dir/err") == 'bench_peers: cannot write the results: No space left on device' ]] ||
  fail "a full standard output: status $status, $(cat "$dir/err")"

chmod -x "$dir/venv/bin/python"
expect_line "$dir/venv/bin/python: Permission denied" "${usual[@]}"
chmod +x "$dir/venv/bin/python"

# Convolutions: 2 and 8 ms beside 3 and 4 are the ratios 1.5 and 0.5.
conv_line() { echo "{\"framework\": \"$1\", \"layout\": \"$2\", \"shape\": \"a, batch 1\", \"op\": \"$3\", \"ms\": $4, \"gflops\": $5, \"flops_per_byte\": 3, \"in_training\": ${6:-true}}"; }
cat >"$dir/bin/bench_conv" <<END
#!/usr/bin/env bash
[[ "\$*" != *--list* ]] || { echo 'a, batch 1'; exit; }
echo '{"fma_peak_gflops": 100, "copy_gb_per_s": 20}'
echo '$(conv_line gradus nhwc forward 2 50)'
echo '$(conv_line gradus nhwc backprop_input 8 20 false)'
END
cat >"$dir/bin/peer_conv_libtorch" <<END
#!/usr/bin/env bash
echo '$(conv_line libtorch nchw forward 3 0)'
echo '$(conv_line libtorch nhwc forward 5 0)'
echo '$(conv_line libtorch nchw backprop_input 9 0)'
echo '$(conv_line libtorch nhwc backprop_input 4 0)'
END
chmod +x "$dir"/bin/*
"$bench_peers" --conv --bin "$dir/bin" --threads 1 --rounds 2 --json "$dir/json" >"$dir/out" 2>"$dir/err" || fail "--conv: $(cat "$dir/err")"
for row in '| a, batch 1 | forward | 2.000 | 50 | 0.50 | 3.000 | nchw | 1.50 |' '| a, batch 1 | backprop_input | 8.000 | 20 | 0.20 | 4.000 | nhwc | 0.50 |' \
  'geometric mean 0.87, median 1.00; worst 0.50 (a, batch 1, backprop_input)' 'does not compute: geometric mean 1.50'; do
  tr -s ' ' <"$dir/out" | grep -qF "$row" || fail "--conv: no '$row': $(cat "$dir/out")"
done
expect_line "no shape has 'b, batch' in its name; the shapes: a, batch 1" --conv --bin "$dir/bin" --only 'b, batch'
chmod -x "$dir/bin/bench_conv"
expect_line 'bench_conv cannot be started: Permission denied' --conv --bin "$dir/bin"
printf '#!/usr/bin/env bash\necho "it broke" >&2; exit 3\n' >"$dir/bin/bench_conv" && chmod +x "$dir/bin/bench_conv"
expect_line 'bench_conv --list failed: it broke' --conv --bin "$dir/bin"
exit $((failures > 0))
