#!/usr/bin/env bash
# Every link of our pages to a file of ours leads to one. GRADUS_SOURCE is the folder of the sources.
set -euo pipefail
cd -- "$GRADUS_SOURCE"
dead=0
while IFS=: read -r page link; do
  link=${link#](} link=${link%[#)]}
  [[ -e "$(dirname -- "$page")/$link" ]] || { echo "$page: there is no $link" >&2; dead=1; }
done < <(grep -oHE '\]\([A-Za-z0-9_./-]+[#)]' -- *.md docs/*.md docs/*/*.md benchmarks/*.md)
exit "$dead"
