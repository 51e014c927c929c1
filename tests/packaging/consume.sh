#!/usr/bin/env bash
# Builds and runs one kind of consumer; CMakeLists.txt beside this file sets the GRADUS_... variables. Exit 77: cannot be tested here.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
prefix="$GRADUS_WORK/prefix"
mkdir -p "$GRADUS_WORK"

fail() { echo "$*" >&2; exit 1; }

# build NAME CMAKE_ARGUMENTS...: configures and builds the project in this folder's NAME, or in `source`, in a fresh folder (unless
# `keep` is set).
build() {
  local name=$1 project=${source:-$here/$1}
  shift
  [[ -n "${keep:-}" ]] || rm -rf -- "${GRADUS_WORK:?}/$name"
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

# keep_record: what the build folder knows of the developer's own last installation is there again when this script ends.
keep_record() {
  local kept file
  kept=$(mktemp -d)
  for file in install_manifest.txt install_folders.txt; do
    [[ ! -e "$GRADUS_BUILD/$file" ]] || cp -- "$GRADUS_BUILD/$file" "$kept/"
  done
  rm -f -- "$GRADUS_BUILD"/install_{manifest,folders}.txt
  # shellcheck disable=SC2064
  trap "rm -f -- '$GRADUS_BUILD'/install_{manifest,folders}.txt; cp -- '$kept'/* '$GRADUS_BUILD/' 2>/dev/null || true; rm -rf -- '$kept'" EXIT
}

case "$1" in
  install)
    # Installed to one place and then moved: what follows proves that nothing depends on the first.
    keep_record
    rm -rf -- "$prefix" "$prefix at first"
    "$CMAKE" --install "$GRADUS_BUILD" --prefix "$prefix at first" | tee "$GRADUS_WORK/install.txt"
    mv -- "$prefix at first" "$prefix"
    for file in LICENSE README.md CHANGELOG.md docs/architecture.md docs/ops/conv2d.md examples/train_mnist.cc \
      examples/common/train_program.cc examples/custom_op/CMakeLists.txt; do
      cmp "$GRADUS_SOURCE/$file" "$prefix/share/doc/gradus/$file" || fail "$file is not installed"
    done
    # The links of README.md, and those between the pages and to their pictures, lead somewhere there too.
    (cd "$prefix/share/doc/gradus" && grep -oHE '\]\([^):#]+\)' README.md && grep -roE '\]\([^):#]+\.(md|svg)\)' docs) | tr -d ']()' |
      while IFS=: read -r page link; do
        [[ -e "$prefix/share/doc/gradus/$(dirname -- "$page")/$link" ]] || echo "$page leads to $link"
      done >"$GRADUS_WORK/dead_links.txt"
    [[ ! -s "$GRADUS_WORK/dead_links.txt" ]] || fail "not installed: $(cat "$GRADUS_WORK/dead_links.txt")"
    # Folders of what is not installed are not either: the target `uninstall` would leave them behind.
    [[ -z $(find "$prefix" -type d -empty) ]] || fail "installed empty: $(find "$prefix" -type d -empty)"
    if grep -q '^GRADUS_NATIVE:BOOL=ON$' "$GRADUS_BUILD/CMakeCache.txt"; then
      grep -q "this machine's processor" "$GRADUS_WORK/install.txt" || fail "the installation does not say that the code is not portable"
    fi
    ! grep -rnF -e "$GRADUS_SOURCE" -e "$prefix" "$prefix" --include='*.cmake' --include='*.pc' --include='*.h' ||
      fail "an installed file names a folder of this machine"
    ! grep -rnE '#include *[<"](Eigen|fmt|spdlog|nlohmann|cuda|CLI)' "$prefix/include" || fail "a public header includes a dependency's"
    ;;
  uninstall)
    keep_record
    there="$GRADUS_WORK/is there" new="$GRADUS_WORK/made by/the installation"
    undo() { "$CMAKE" --build "$GRADUS_BUILD" --target uninstall; }
    rm -rf -- "$there" "$GRADUS_WORK/made by"
    undo >"$GRADUS_WORK/undo.txt" 2>&1 && fail "uninstalling nothing is no error"
    tr -s '\n ' ' ' <"$GRADUS_WORK/undo.txt" | grep -q 'Nothing is installed from here: .*install_manifest.txt' ||
      fail "uninstalling nothing says: $(cat "$GRADUS_WORK/undo.txt")"
    # A prefix that the installation makes: nothing of it stays.
    "$CMAKE" --install "$GRADUS_BUILD" --prefix "$new" >/dev/null
    undo
    [[ ! -e "$GRADUS_WORK/made by" ]] || fail "left behind: $(find "$GRADUS_WORK/made by")"
    # The same by a relative name.
    (cd "$GRADUS_WORK" && "$CMAKE" --install "$GRADUS_BUILD" --prefix "made by/me" >/dev/null)
    [[ -f "$GRADUS_WORK/made by/me/include/gradus/gradus.h" ]] || fail "not installed below the current folder"
    undo
    [[ ! -e "$GRADUS_WORK/made by" ]] || fail "left behind: $(find "$GRADUS_WORK/made by")"
    # One that was there, with folders and files of others and an earlier installation: those stay.
    mkdir -p "$there/lib/cmake" "$there/include/gradus of another" "$there/share/doc"
    touch "$there/lib/cmake/other.cmake" "$there/include/gradus of another/tensor.h"
    find "$there" | sort >"$GRADUS_WORK/before.txt"
    for _ in first again; do "$CMAKE" --install "$GRADUS_BUILD" --prefix "$there" >/dev/null; done
    [[ -f "$there/include/gradus/gradus.h" && -f "$there/share/doc/gradus/LICENSE" ]] || fail "nothing was installed"
    undo
    find "$there" | sort | diff "$GRADUS_WORK/before.txt" - || fail "uninstalling left or took something"
    # A file of someone else in a folder of ours stays, with its folder.
    "$CMAKE" --install "$GRADUS_BUILD" --prefix "$new" >/dev/null
    touch "$new/include/gradus/mine.h"
    undo
    [[ $(cd "$GRADUS_WORK/made by" && find . -type f) == "./the installation/include/gradus/mine.h" ]] || fail "mine.h is gone"
    # Staged, as packagers do it.
    DESTDIR="$GRADUS_WORK/stage" "$CMAKE" --install "$GRADUS_BUILD" --prefix /opt/gradus >/dev/null
    [[ -f "$GRADUS_WORK/stage/opt/gradus/include/gradus/gradus.h" ]] || fail "DESTDIR is not respected"
    DESTDIR="$GRADUS_WORK/stage" undo
    [[ ! -e "$GRADUS_WORK/stage" || -z $(find "$GRADUS_WORK/stage" -type f) ]] || fail "left in DESTDIR"
    rm -rf -- "$there" "$GRADUS_WORK/made by" "$GRADUS_WORK/stage"
    ;;
  find_package)
    build consumer -DCONSUMER_MODE=find_package -DCMAKE_PREFIX_PATH="$prefix"
    check_programs "$GRADUS_WORK/consumer"
    ;;
  add_subdirectory | fetch_content)
    # Unoptimised and without debug information, because that compiles in less than half the time; both in one folder with the
    # library at the same place, so that the second finds all of it built.
    # By a user of another compiler, where it is there: it is quicker, too.
    launcher=$(command -v ccache || true)
    CXX=$(command -v clang++ || echo "$CXX")
    export CCACHE_BASEDIR="$GRADUS_SOURCE" CCACHE_NOHASHDIR=1
    keep=yes source="$here/consumer" build embedded -DCONSUMER_MODE="$1" -DCMAKE_BUILD_TYPE= \
      -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher"
    check_programs "$GRADUS_WORK/embedded"
    ;;
  pkg_config)
    command -v pkg-config >/dev/null || { echo "skipped: pkg-config is not installed"; exit 77; }
    pc=$(find "$prefix" -name gradus.pc)
    export PKG_CONFIG_PATH="${pc%/*}"
    out="$GRADUS_WORK/pkg_config"
    mkdir -p "$out"
    # pkg-config escapes spaces for a shell to read, hence eval. Its flags are all that a program needs.
    for program in chain_rule conv_gradient train_mnist_small; do
      eval "'$CXX' '$prefix/share/doc/gradus/examples/$program.cc' -o '$out/$program' $(pkg-config --cflags --libs gradus)"
    done
    check_programs "$out"
    # A later standard that the user asks for counts.
    echo '#include <gradus/gradus.h>' >"$out/later.cc"
    printf '#if __cplusplus <= 202002L\n#error no later standard\n#endif\n' >>"$out/later.cc"
    eval "'$CXX' $(pkg-config --cflags gradus) -std=c++2b -fsyntax-only '$out/later.cc'"
    ;;
  old_standard)
    # Whichever header comes first, g++ 12's own standard is refused by name before anything else goes wrong.
    find "$prefix/include/gradus" -name '*.h' | while read -r header; do
      echo "#include <gradus/${header#"$prefix/include/gradus/"}>" >"$GRADUS_WORK/old.cc"
      if "$CXX" -std=c++17 -Wfatal-errors -fsyntax-only -I "$prefix/include" "$GRADUS_WORK/old.cc" 2>"$GRADUS_WORK/old.txt"; then
        ! grep -q '#include "gradus/' "$header" || fail "$header compiles under C++17"  # others use nothing that is newer
        continue
      fi
      grep -m 1 'error:' "$GRADUS_WORK/old.txt" | grep -q 'Gradus needs C++20: compile with -std=c++20' ||
        fail "$header under C++17 says first: $(grep -m 1 'error:' "$GRADUS_WORK/old.txt")"
    done
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
    source="$prefix/share/doc/gradus/examples/custom_op" build custom_op -DCMAKE_PREFIX_PATH="$prefix"
    "$GRADUS_WORK/custom_op/custom_op"
    ;;
  compile_time)
    echo '#include <gradus/gradus.h>' >"$GRADUS_WORK/include_only.cc"
    # Processor time rather than wall time, and the best of up to fifteen, so that a busy machine changes little.
    TIMEFORMAT='%U %S'
    best=1000000
    for ((run = 0; run < 15 && best >= 2000; ++run)); do
      took=$({ time "$CXX" -std=c++20 -fsyntax-only -I "$prefix/include" "$GRADUS_WORK/include_only.cc"; } 2>&1 |
        awk '{ print int(1000 * ($1 + $2)) }')
      ((took < best)) && best=$took
    done
    echo "gradus/gradus.h compiles in $best ms (best of $run)"
    ((best < 2000)) || fail "that is 2 s or more"
    ;;
  program_size)
    "$STRIP" -o "$GRADUS_WORK/train_mnist" "$GRADUS_BUILD/bin/train_mnist"
    size=$(stat -c %s "$GRADUS_WORK/train_mnist")
    echo "train_mnist, stripped: $size bytes"
    ((size < GRADUS_MOST_MB * 1024 * 1024)) || fail "that is $GRADUS_MOST_MB MB or more"
    ;;
  *) fail "consume.sh: no consumer '$1'" ;;
esac
