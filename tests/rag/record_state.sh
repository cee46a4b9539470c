#!/bin/sh
# Records what the rag component reads of a control plane into a folder, in the format of
# components/rag/recorded_state.h: one file for each kind of answer, pages joined.
#
#   record_state.sh FOLDER API...      API: what calls the sealed API, such as "ml-guard api"
#
# Needs jq. The credential must be an operator's or rag's.
set -eu

folder=${1:?the folder to record into}
shift
page=1000

mkdir -p "$folder/config"
date -u +%Y-%m-%dT%H:%M:%SZ >"$folder/recorded_at"

"$@" GET /status >"$folder/status.json"
"$@" GET /health >"$folder/health.json"
"$@" GET /v1/config >"$folder/configs.json"
"$@" GET /v1/applied >"$folder/applied.json"

# Each component with what it said last.
for name in $("$@" GET /components | jq -r '.components[].name'); do
  "$@" GET "/components/$name"
done | jq -s '{components: .}' >"$folder/components.json"

# Each version of each configuration, byte for byte: name@version.json. Deleted ones have a history,
# too, which only the audit trail names.
names=$(
  {
    "$@" GET /v1/config | jq -r '.configs[].component'
    "$@" GET "/v1/audit?limit=$page" | jq -r '.audit[].subject | select(startswith("config/"))[7:]'
  } | sort -u
)
for name in $names; do
  "$@" GET "/v1/config/$name/versions?limit=$page" >"$folder/config/$name.json"
  for version in $(jq -r '.versions[].version' "$folder/config/$name.json"); do
    "$@" GET "/v1/config/$name/versions/$version" >"$folder/config/$name@$version.json"
  done
done

# pages LIST FIRST NEXT: joins the pages of a list; NEXT (jq) makes the next target, or nothing.
pages() {
  list=$1 target=$2 next=$3
  shift 3
  while [ -n "$target" ]; do
    answer=$("$@" GET "$target")
    printf '%s\n' "$answer"
    target=$(printf '%s' "$answer" | jq -r "$next")
  done | jq -s --arg list "$list" '{($list): map(.[$list]) | add}'
}

"$@" GET "/v1/rules/stream?after=0" | jq . >"$folder/rules.json"
pages detections "/v1/detections?limit=$page&after=1" \
  'if (.detections | length) == '$page' then "/v1/detections?limit='$page'&after=\(.detections[-1].revision)" else "" end' \
  "$@" >"$folder/detections.json"
pages audit "/v1/audit?limit=$page" \
  'if (.audit | length) == '$page' then "/v1/audit?limit='$page'&after=\(.audit[-1].id)" else "" end' \
  "$@" >"$folder/audit.json"
oldest=$(jq '[.oldest_revision // 1, 1] | max - 1' "$folder/status.json")
pages changes "/v1/changes?limit=$page&after=$oldest" \
  'if (.changes | length) == '$page' then "/v1/changes?limit='$page'&after=\(.changes[-1].revision)" else "" end' \
  "$@" >"$folder/changes.json"
echo "recorded into $folder: revision $(jq '.changes[-1].revision' "$folder/changes.json")"
