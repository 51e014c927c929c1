#!/usr/bin/env bash
# Builds and runs one kind of consumer; CMakeLists.txt beside this file sets the GRADUS_... variables. Exit 77: cannot be tested here.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
prefix="$GRADUS_WORK/prefix"
mkdir -p "$GRADUS_WORK"

fail() { echo "$*" >&2; exit 1; }

# build NAME CMAKE_ARGUMENTS...: configures and builds the project in this folder's NAME, or in `source`, in a fresh folder.
build() {
  local name=$1 project=${source:-$here/$1}
  shift
  rm -rf -- "${GRADUS_WORK:?}/$name"
  "$CMAKE" -S "$project" -B "$GRADUS_WORK/$name" -G Ninja -DCMAKE_CXX_COMPILER="$CXX" -DGRADUS_SOURCE="$GRADUS_SOURCE" "$@"
  "$CMAKE" --build "$GRADUS_WORK/$name"
}

# d/dx and d2/dx2 of tanh(x^2) + 3x at 0.5: sech^2(1/4) = 0.940014848806, tanh(1/4) = 0.244918662404, so
# y = tanh(1/4) + 1.5, y' = 2x sech^2 + 3, y'' = 2 sech^2 - 8 x^2 sech^2 tanh.
check_programs() {
  local bin=$1 printed
  printed=$("$bin/chain_rule")
  echo "$printed"
  awk 'function off(a, b) { return a > b ? a - b : b - a }
       NR == 1 { bad += off($1, 1.744918662404) > 1e-9 }
       NR == 2 { bad += off($1, 3.940014848806) > 1e-9 }
       NR == 3 { bad += off($1, 1.419575338794) > 1e-9 }
       END { exit bad > 0 || NR != 3 }' <<<"$printed" || fail "chain_rule printed something else"
  "$bin/conv_gradient" || fail "conv_gradient found a wrong gradient"
}

case "$1" in
  install)
    # Installed to one place and then moved: what follows proves that nothing depends on the first.
    rm -rf -- "$prefix" "$prefix at first"
    "$CMAKE" --install "$GRADUS_BUILD" --prefix "$prefix at first"
    mv -- "$prefix at first" "$prefix"
    ! grep -rnF -e "$GRADUS_SOURCE" -e "$prefix" "$prefix" --include='*.cmake' --include='*.pc' --include='*.h' ||
      fail "an installed file names a folder of this machine"
    ! grep -rnE '#include *[<"](Eigen|fmt|spdlog|nlohmann|cuda|CLI)' "$prefix/include" || fail "a public header includes a dependency's"
    ;;
  find_package)
    build consumer -DCONSUMER_MODE=find_package -DCMAKE_PREFIX_PATH="$prefix"
    check_programs "$GRADUS_WORK/consumer"
    ;;
  add_subdirectory | fetch_content)
    # Unoptimised, because that compiles in half the time; the same folders for both, so that ccache can help the second.
    launcher=$(command -v ccache || true)
    build consumer -DCONSUMER_MODE="$1" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher"
    check_programs "$GRADUS_WORK/consumer"
    ;;
  pkg_config)
    command -v pkg-config >/dev/null || { echo "skipped: pkg-config is not installed"; exit 77; }
    pc=$(find "$prefix" -name gradus.pc)
    export PKG_CONFIG_PATH="${pc%/*}"
    out="$GRADUS_WORK/pkg_config"
    mkdir -p "$out"
    # pkg-config escapes spaces for a shell to read, hence eval.
    for program in chain_rule conv_gradient train_mnist_small; do
      eval "'$CXX' -std=c++20 -O1 '$GRADUS_SOURCE/examples/$program.cc' -o '$out/$program' $(pkg-config --cflags --libs gradus)"
    done
    check_programs "$out"
    ;;
  other_flags)
    build other_flags -DCMAKE_PREFIX_PATH="$prefix"
    for program in "$GRADUS_WORK"/other_flags/with_*; do
      [[ -f "$program" && -x "$program" ]] || continue
      echo "${program##*/}"
      "$program"
    done
    ;;
  custom_op)
    source="$GRADUS_SOURCE/examples/custom_op" build custom_op -DCMAKE_PREFIX_PATH="$prefix"
    "$GRADUS_WORK/custom_op/custom_op"
    ;;
  compile_time)
    echo '#include <gradus/gradus.h>' >"$GRADUS_WORK/include_only.cc"
    # Processor time rather than wall time, and the best of five, so that a busy machine changes little.
    TIMEFORMAT='%U %S'
    best=1000000
    for _ in 1 2 3 4 5; do
      took=$({ time "$CXX" -std=c++20 -fsyntax-only -I "$prefix/include" "$GRADUS_WORK/include_only.cc"; } 2>&1 |
        awk '{ print int(1000 * ($1 + $2)) }')
      ((took < best)) && best=$took
    done
    echo "gradus/gradus.h compiles in $best ms (best of 5)"
    ((best < 2000)) || fail "that is 2 s or more"
    ;;
  program_size)
    "$STRIP" -o "$GRADUS_WORK/train_mnist" "$GRADUS_BUILD/bin/train_mnist"
    size=$(stat -c %s "$GRADUS_WORK/train_mnist")
    echo "train_mnist, stripped: $size bytes"
    ((size < 8 * 1024 * 1024)) || fail "that is 8 MB or more"
    ;;
  *) fail "consume.sh: no consumer '$1'" ;;
esac
