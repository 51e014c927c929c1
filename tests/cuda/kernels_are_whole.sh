#!/usr/bin/env bash
# kernels_are_whole.sh NVCC INCLUDE_FOLDER FILE.cu...
# nvcc puts a trap, without a word, where a kernel comes to something that only the host has (a constant passed by reference to a constexpr
# function). No emulator can see that: this compiles the files to PTX, nvcc's assembly language, and lists the kernels that hold a trap.
set -euo pipefail
export nvcc=$1 include=$2
shift 2
traps_of() {
  "$nvcc" -std=c++20 --expt-relaxed-constexpr -diag-suppress=186 -I"$include" --ptx -arch=compute_90 -o - "$1" |
    awk -v file="$1" '/\.entry/ { kernel = $NF; sub(/\($/, "", kernel); ++kernels } /^[ \t]*trap;/ { print file ": " kernel; ++traps }
                      END { if (kernels == 0) print file ": no kernels"; exit traps > 0 || kernels == 0 }'
}
export -f traps_of
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'set -o pipefail; traps_of "$0"'
