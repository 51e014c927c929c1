#!/usr/bin/env bash
# run_and_match.sh REGEX COMMAND [ARGUMENT...]: the command must exit 0 and its whole standard output must match the (extended)
# regular expression. CTest's PASS_REGULAR_EXPRESSION would ignore the exit status.
set -uo pipefail
regex=$1
shift
output=$("$@") || { echo "$1: exit status $?" >&2; exit 1; }
printf '%s\n' "$output"
if ! printf '%s\n' "$output" | grep -Ezq -- "$regex"; then
  echo "the output does not match: $regex" >&2
  exit 1
fi
