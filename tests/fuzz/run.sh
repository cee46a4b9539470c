#!/bin/sh
# run.sh TARGET SEEDS WORK: runs a libFuzzer target for MLGUARD_FUZZ_SECONDS (5 when unset) on a copy
# of its seeds. WORK/corpus keeps what it finds from run to run; a crash leaves WORK/crash-* behind.
set -eu
target=$1 seeds=$2 work=$3
mkdir -p "$work/corpus"
cp "$seeds"/* "$work/corpus/"
exec "$target" -max_total_time="${MLGUARD_FUZZ_SECONDS:-5}" -timeout=10 -rss_limit_mb=1024 \
  -print_final_stats=1 -artifact_prefix="$work/" "$work/corpus"
