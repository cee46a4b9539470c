#!/bin/sh
# The static checks: formatting of everything, then clang-tidy over the program (the tests' own code
# is left to the compilers' warnings: GoogleTest's macros take clang-tidy longer than they are worth).
# Fails on the first kind that finds something. `make check` runs all; CI: `check.sh format`.
set -eu
cd "$(dirname "$0")/.."

sources=$(git ls-files '*.h' '*.c' '*.cpp')
# shellcheck disable=SC2086  # the list is meant to be split
clang-format-14 --dry-run -Werror $sources
echo "format: clean"
[ "${1:-all}" = all ] || exit 0

cmake --preset tidy >/dev/null
cmake --build --preset tidy --target generated_sources >/dev/null
jq -r '.[].file' build-tidy/compile_commands.json | grep -E '\.(cpp|cxx)$' |
  grep -vE "^$PWD/tests/|/build-tidy/tests/|\.pb\.cc$" | sort -u |
  xargs -P 2 -n 1 clang-tidy-14 --quiet -p build-tidy --warnings-as-errors='*' 2>build-tidy/tidy.log ||
  { grep -vE 'warnings? generated|Suppressed|Use -header-filter' build-tidy/tidy.log >&2; exit 1; }
echo "clang-tidy: clean"
