#!/usr/bin/env bash
# levels.sh LIBGRADUS.A NM OBJDUMP: what several instruction sets were compiled for cannot be mixed up by a linker.
#  - Each level's object shows one symbol, the function that registers its kernels; all others, templates above all, are its own.
#  - Nothing else in the library has an instruction of AVX: it runs on every processor of the architecture.
set -euo pipefail
library=$(realpath -- "$1") nm=$2 objdump=$3
dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT
cd "$dir"
ar x "$library"
levels=0
for object in *.o; do
  case $object in
    level_*.o)
      level=${object##*_} level=${level%.o}
      "$nm" --defined-only --extern-only "$object" >symbols.txt
      if [[ $(wc -l <symbols.txt) != 1 ]] || ! grep -q "register_kernels_$level" symbols.txt; then
        echo "$object shows more, or less, than the function that registers its kernels:" >&2
        "$nm" --demangle --defined-only --extern-only "$object" | head -n 20 >&2
        exit 1
      fi
      levels=$((levels + 1))
      ;;
    *)
      if "$objdump" --disassemble --no-show-raw-insn "$object" 2>/dev/null | grep -m 1 -E '%[yz]mm|\sv[a-z0-9]+\s.*%xmm' >found.txt; then
        echo "$object has instructions that lesser processors lack: $(cat found.txt)" >&2
        exit 1
      fi
      ;;
  esac
done
[[ $levels -gt 1 ]] || { echo "no objects of several levels in $library" >&2; exit 1; }
echo "$levels levels, each with one symbol; the rest runs on every processor"
