#!/usr/bin/env bash
# scripts/demo answers --help and finds mistakes before it installs or compiles anything, says first what it is going to do, and
# knows the same options as train_mnist. BIN holds the programs, GRADUS_SOURCE is the tree.
set -uo pipefail
dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT
failures=0
fail() {
  echo "$*" >&2
  failures=$((failures + 1))
}

"$BIN/train_mnist" --help | diff - "$GRADUS_SOURCE/examples/common/train_mnist_help.txt" >&2 ||
  fail "train_mnist --help > examples/common/train_mnist_help.txt brings the two together again"

# A clone as it comes, in which every program that installs or compiles leaves a trace.
clone="$dir/a clone"
mkdir -p "$clone/scripts" "$clone/examples/common" "$dir/bin"
cp "$GRADUS_SOURCE/scripts/demo" "$clone/scripts/"
cp "$GRADUS_SOURCE/examples/common/train_mnist_help.txt" "$clone/examples/common/"
printf '#!/bin/sh\necho setup "$@" >>"%s"\n' "$dir/trace" >"$clone/scripts/setup"
cat >"$dir/bin/cmake" <<END
#!/bin/sh
echo cmake "\$@" >>"$dir/trace"
mkdir -p build/demo/bin
printf '#!/bin/sh\necho "program in \$PWD: \$@"\n' >build/demo/bin/train_mnist
chmod +x build/demo/bin/train_mnist
END
chmod +x "$clone/scripts/setup" "$dir/bin/cmake"
demo() {
  rm -rf "$dir/trace" "$clone/build"
  status=0
  PATH="$dir/bin:$PATH" "$clone/scripts/demo" "$@" >"$dir/out" 2>"$dir/err" || status=$?
}

for flag in --help -h; do
  demo --epochs 0 "$flag"
  [[ $status == 0 && ! -s "$dir/err" && ! -e "$dir/trace" ]] || fail "demo $flag: status $status, or it did more than that"
  grep -q -- '^  --learning-rate ' "$dir/out" || fail "demo $flag lacks the options"
done

refused() {  # refused PATTERN ARGUMENT...
  local pattern=$1
  shift
  demo "$@"
  if [[ $status != 2 || -s "$dir/out" || -e "$dir/trace" || $(wc -l <"$dir/err") != 1 ]] || ! grep -qE -e "$pattern" "$dir/err"; then
    fail "demo $*: status $status, expected 2 and one line matching '$pattern', and nothing run; got: $(cat "$dir/err")"
  fi
  # The program itself refuses the same.
  "$BIN/train_mnist" --limit 10 --quiet "$@" >/dev/null 2>&1 && fail "train_mnist $* is accepted"
}
refused "no option '--epoch'; the options are --data --model --epochs " --epoch 3
refused "no option 'DIR'" DIR
refused "no option ''" ''
refused "no option '-e'" -e 3
refused "--epochs takes an integer from 1 to 100000; got '0'" --epochs 0
refused "--epochs takes an integer from 1 to 100000; got 'three'" --epochs=three
refused "--epochs takes an integer from 1 to 100000; got '1e3'" --epochs 1e3
refused "--threads takes an integer from 0 to 1024; got '-1'" --threads -1
refused "--seed takes an integer.*; got '9999999999999999999'" --seed 9999999999999999999
refused "--seed takes an integer.*; got '4611686018427387905'" --seed 4611686018427387905
refused "--model takes one of lenet5, deep_mnist, resnet20; got 'lenet'" --model lenet
refused "--learning-rate takes a number above 0; got '0'" --learning-rate 0
refused "--learning-rate takes a number above 0; got '0.0e5'" --learning-rate 0.0e5
refused "--learning-rate takes a number above 0; got '-1'" --learning-rate -1
refused "--learning-rate takes a number above 0; got 'nan'" --learning-rate nan
refused '--data needs a value: DIR' --data
refused '--data needs a value: DIR' --data --epochs 3
refused "--data takes a DIR; got ''" --data=
refused "--data: there is no folder 'not/here'" --data not/here
refused "--data: there is no folder '$dir/trace'" --data="$dir/trace"
refused '--quiet takes no value' --quiet=yes

mkdir -p "$dir/a folder/images"
# What is right goes on: one line per step, and first of all what will happen.
for arguments in '' '--epochs 08 --seed 4611686018427387904 --learning-rate 5e-2' '--data=images --model lenet5 --resume --quiet'; do
  # Paths start where the user is, not in the clone.
  cd "$dir/a folder" && demo $arguments
  [[ $status == 0 ]] && grep -qxF "program in $dir/a folder: $arguments" "$dir/out" || fail "demo $arguments: $(cat "$dir/out")"
  [[ $(head -n 1 "$dir/trace") == setup && $(grep -c '^cmake .*--preset demo' "$dir/trace") == 2 ]] ||
    fail "demo $arguments did not set up and build: $(cat "$dir/err" "$dir/trace")"
  head -n 1 "$dir/out" | grep -q '^scripts/demo: .*builds' || fail "demo $arguments does not say what it will do"
  grep -q 'minutes' "$dir/out" || fail "demo $arguments does not say how long it takes"
done

# The other scripts too answer before they do anything.
for script in setup test; do
  "$GRADUS_SOURCE/scripts/$script" --help | grep -q "^scripts/$script " || fail "scripts/$script --help prints no help"
  status=0
  "$GRADUS_SOURCE/scripts/$script" --nonsense >"$dir/out" 2>"$dir/err" || status=$?
  [[ $status == 2 && ! -s "$dir/out" && $(wc -l <"$dir/err") == 1 ]] && grep -q "no option '--nonsense'" "$dir/err" ||
    fail "scripts/$script --nonsense: status $status, $(cat "$dir/out" "$dir/err")"
done
exit $((failures > 0))
