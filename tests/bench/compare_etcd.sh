#!/bin/bash
# Runs the same loads against etcd (Debian's etcd-server) and against ours, in turn, on this machine
# and this disk, and prints the ratios. Both are driven by build/tests/load; both are durable: etcd
# with its fsync, ours with synchronous=FULL. Ours is sealed besides; etcd's gateway is not.
#
#   tests/bench/compare_etcd.sh [--nodes 1|3|5] [--rounds N] [--seconds N] [--clients N]
#     [--size BYTES] [--keys N] [--components N] [--failovers N] [--realtime]
#     [--build FOLDER] [--dir FOLDER] [-o table|json]
#
# Rounds alternate between the two; the table has each side's median. With more than one node it
# also measures local reads, writes through a follower, one writer alone, the gap after a kill -9 of
# the leader, and what idle nodes cost. --realtime runs servers and load above everything else on
# the machine (chrt), which makes runs beside other work comparable; it needs root.
# Leaves nothing behind: servers are ended by their process ids, their data is removed.
# Exits with 1 when a load had a single error, with 3 when an aim was missed.
set -euo pipefail

root="$(cd "$(dirname "$0")/../.." && pwd)"
nodes=1 rounds=3 seconds=5 warmup=1 clients=16 size=256 keys=1000 components=1000 failovers=5
build="$root/build" dir="${TMPDIR:-/var/tmp}" output=table
high=()
start_seconds_max=30 stop_seconds_max=15 idle_seconds=5
aim_put=3 aim_get=3 aim_heartbeat=50000

usage() { sed -n '2,17s/^# \{0,1\}//p' "$0"; }
fail() { echo "compare_etcd: $1" >&2; exit "${2:-1}"; }
say() { echo "compare_etcd: $1" >&2; }

while [ $# -gt 0 ]; do
  case "$1" in
    --nodes) nodes="${2:?}"; shift 2 ;;
    --rounds) rounds="${2:?}"; shift 2 ;;
    --seconds) seconds="${2:?}"; seconds="${seconds%s}"; shift 2 ;;
    --clients) clients="${2:?}"; shift 2 ;;
    --size) size="${2:?}"; shift 2 ;;
    --keys) keys="${2:?}"; shift 2 ;;
    --components) components="${2:?}"; shift 2 ;;
    --failovers) failovers="${2:?}"; shift 2 ;;
    --realtime) high=(chrt --rr 1); shift ;;
    --build) build="$(cd "${2:?}" && pwd)"; shift 2 ;;
    --dir) dir="${2:?}"; shift 2 ;;
    -o | --output) output="${2:?}"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; fail "unknown flag '$1'" 2 ;;
  esac
done
[[ "$nodes" =~ ^[135]$ ]] || fail "--nodes is 1, 3 or 5" 2
[ "$output" = table ] || [ "$output" = json ] || fail "-o is table or json" 2
for program in "$build/bin/etcd-server" "$build/tests/load"; do
  [ -x "$program" ] || fail "$program is missing; type: ninja -C $build etcd-server load"
done

install_etcd() {
  command -v etcd >/dev/null && command -v etcdctl >/dev/null && return
  say "installing Debian's etcd-server and etcd-client"
  local as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  # A service of it is not wanted: what we measure we start ourselves.
  $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -q etcd-server etcd-client >&2 ||
    fail "could not install etcd-server; type: apt-get update, and run this again"
}

# ---- the servers of one side: endpoints, pids and logs by node number, from 0
work="" endpoints=() pids=()
joined() { local IFS=,; echo "$*"; }

free_ports() { # COUNT
  local port found=0
  for port in $(shuf -i 20000-30000 -n 200); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
    echo "$port"
    found=$((found + 1))
    [ "$found" -lt "$1" ] || return 0
  done
  fail "no free ports"
}

stop_servers() {
  local pid waited=0
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do
    while kill -0 "$pid" 2>/dev/null && [ $waited -lt $((stop_seconds_max * 10)) ]; do
      sleep 0.1
      waited=$((waited + 1))
    done
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  pids=() endpoints=()
  rm -rf "${work:?}"/etcd "${work:?}"/ours
}
clean_up() {
  stop_servers
  rm -rf "$work"
}

start_etcd() {
  local ports cluster="" i
  mapfile -t ports < <(free_ports $((2 * nodes)))
  for ((i = 0; i < nodes; i++)); do
    cluster+="${cluster:+,}n$i=http://127.0.0.1:${ports[nodes + i]}"
  done
  mkdir -p "$work/etcd"
  for ((i = 0; i < nodes; i++)); do start_etcd_node "$i" "$cluster"; done
}

# Deliberately without --unsafe-no-fsync: an acknowledged write must be on the disk, as ours is.
start_etcd_node() { # NUMBER CLUSTER; reads ports
  local client="http://127.0.0.1:${ports[$1]}" peer="http://127.0.0.1:${ports[nodes + $1]}"
  "${high[@]}" etcd --name "n$1" --data-dir "$work/etcd/n$1" --log-level error \
    --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
    --initial-cluster "$2" >"$work/etcd/n$1.log" 2>&1 &
  pids[$1]=$!
  endpoints[$1]="127.0.0.1:${ports[$1]}"
}

start_ours() {
  local ports i peers=()
  mapfile -t ports < <(free_ports "$nodes")
  for ((i = 0; i < nodes; i++)); do endpoints[i]="127.0.0.1:${ports[i]}"; done
  [ "$nodes" = 1 ] || peers=(--peers "$(joined "${endpoints[@]}")")
  mkdir -p "$work/ours"
  for ((i = 0; i < nodes; i++)); do
    XDG_STATE_HOME="$work/ours" "${high[@]}" "$build/bin/etcd-server" --port "${ports[i]}" \
      "${peers[@]}" >"$work/ours/n$i.log" 2>&1 &
    pids[i]=$!
  done
}

# load SIDE KIND FLAGS…: what tests/load prints.
load() {
  local side="$1" kind="$2"
  shift 2
  timeout --kill-after=10 $((seconds + 120)) "${high[@]}" "$build/tests/load" "$kind" \
    --side "$side" --endpoints "$(joined "${endpoints[@]}")" \
    --credentials "$work/ours/ml-guard/operator.key" "$@"
}
measure() { # SIDE KIND FLAGS…
  load "$@" --json --seconds "$seconds" --warmup "$warmup" --size "$size" --keys "$keys" \
    --components "$components" --pids "$(joined "${pids[@]}")" ||
    { tail -n 3 "$work/$1"/*.log >&2; fail "the load '$2' against $1 failed"; }
}

start_servers() { # SIDE
  local waited=0 pid
  "start_$1"
  until [ -n "$(load "$1" leader 2>/dev/null)" ]; do
    for pid in "${pids[@]}"; do
      kill -0 "$pid" 2>/dev/null || { tail -n 3 "$work/$1"/*.log >&2; fail "a server of $1 ended"; }
    done
    [ $waited -lt $((start_seconds_max * 5)) ] || fail "$1 has no leader"
    sleep 0.2
    waited=$((waited + 1))
  done
}

# ---- results: a file of numbers for each side and measurement, one line a round
number() { sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" <<<"$1"; }
keep() { echo "$3" >>"$work/results/$1.$2"; } # SIDE NAME VALUE
keep_load() { # SIDE NAME JSON
  local part
  for part in rate_per_s p50_us p95_us p99_us server_cpu_us load_cpu_us; do
    keep "$1" "$2.$part" "$(number "$3" "$part")"
  done
}
median() { # SIDE NAME; empty when it was not measured
  [ -f "$work/results/$1.$2" ] || return 0
  sort -g "$work/results/$1.$2" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

idle_cost() { # SIDE: processor time in % of a core for each node, resident MB of the largest
  local before after ticks pid rss=0 one
  ticks="$(getconf CLK_TCK)"
  used() { for pid in "${pids[@]}"; do cut -d' ' -f14,15 "/proc/$pid/stat"; done |
    awk '{ s += $1 + $2 } END { print s }'; }
  sleep 2
  before="$(used)"
  sleep "$idle_seconds"
  after="$(used)"
  keep "$1" idle.cpu "$(awk -v d=$((after - before)) -v t="$ticks" -v s="$idle_seconds" \
    -v n="$nodes" 'BEGIN { print 100 * d / t / s / n }')"
  for pid in "${pids[@]}"; do
    one="$(awk '/VmRSS/ { print $2 / 1024 }' "/proc/$pid/status")"
    rss="$(awk -v a="$rss" -v b="$one" 'BEGIN { print (a > b) ? a : b }')"
  done
  keep "$1" idle.rss "$rss"
}

leader_pid() { # SIDE
  local leader i
  leader="$(load "$1" leader)"
  for ((i = 0; i < nodes; i++)); do
    [ "${endpoints[i]}" != "$leader" ] || echo "${pids[i]}"
  done
}

one_round() { # SIDE
  local side="$1" to=any
  [ "$nodes" = 1 ] || to=leader
  start_servers "$side"
  idle_cost "$side"
  keep_load "$side" put "$(measure "$side" put --clients "$clients" --to $to)"
  keep_load "$side" get "$(measure "$side" get --clients "$clients" --to $to)"
  keep_load "$side" get_local \
    "$(measure "$side" get --clients "$clients" --consistency local)"
  keep_load "$side" put_one "$(measure "$side" put --clients 1 --to $to)"
  keep_load "$side" watch "$(measure "$side" watch --clients "$clients" --to $to)"
  [ "$side" = etcd ] ||
    keep_load "$side" heartbeat "$(measure "$side" heartbeat --clients "$clients" --to $to)"
  if [ "$nodes" != 1 ]; then
    keep_load "$side" put_follower \
      "$(measure "$side" put --clients "$clients" --to follower)"
    keep_load "$side" get_follower \
      "$(measure "$side" get --clients "$clients" --to follower)"
  fi
  stop_servers
}

one_failover() { # SIDE; a fresh cluster each time
  local gap
  start_servers "$1"
  gap="$(load "$1" failover --json --kill "$(leader_pid "$1")")" ||
    { tail -n 3 "$work/$1"/*.log >&2; fail "no write after the end of the leader of $1"; }
  keep "$1" failover "$(number "$gap" gap_ms)"
  stop_servers
}

# ---- report
ratio() { awk -v a="${1:-0}" -v b="${2:-0}" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }
ms() { awk -v v="${1:-0}" 'BEGIN { printf "%.2f", v / 1000 }'; }
verdict() { awk -v v="$1" -v a="$2" 'BEGIN { print (v >= a) ? "yes" : "NO" }'; } # VALUE AIM
row() { # LABEL NAME AIM-RATIO
  local theirs ours x
  theirs="$(median etcd "$2.rate_per_s")" ours="$(median ours "$2.rate_per_s")"
  [ -n "$ours" ] || return 0
  x="$(ratio "$ours" "$theirs")"
  [ -n "$theirs" ] || x=-
  printf '%-26s %9.0f %9.0f %6s  %-7s %7s %7s %7s %7s %7.0f %7.0f %6.0f\n' "$1" "${theirs:-0}" \
    "$ours" "$x" "${3:-}" \
    "$(ms "$(median etcd "$2.p50_us")")" "$(ms "$(median ours "$2.p50_us")")" \
    "$(ms "$(median etcd "$2.p99_us")")" "$(ms "$(median ours "$2.p99_us")")" \
    "$(median etcd "$2.server_cpu_us")" "$(median ours "$2.server_cpu_us")" \
    "$(median ours "$2.load_cpu_us")"
}
put_ratio() { ratio "$(median ours put.rate_per_s)" "$(median etcd put.rate_per_s)"; }
get_ratio() { ratio "$(median ours get.rate_per_s)" "$(median etcd get.rate_per_s)"; }
aims() {
  local beats
  beats="$(median ours heartbeat.rate_per_s)"
  printf 'put/s  at least x%s: %s (x%s)\n' "$aim_put" "$(verdict "$(put_ratio)" $aim_put)" \
    "$(put_ratio)"
  printf 'get/s  at least x%s: %s (x%s)\n' "$aim_get" "$(verdict "$(get_ratio)" $aim_get)" \
    "$(get_ratio)"
  printf 'heartbeats at least %s/s: %s (%.0f)\n' "$aim_heartbeat" \
    "$(verdict "$beats" $aim_heartbeat)" "$beats"
}
table() {
  echo "$nodes nodes, $clients clients, $size bytes, $keys keys, $rounds rounds of $seconds s," \
    "$(nproc) cores, $filesystem, load average $(cut -d' ' -f1 /proc/loadavg)"
  printf '%-26s %9s %9s %6s  %-7s %7s %7s %7s %7s %7s %7s %6s\n' "" etcd/s ours/s ratio aim \
    "p50 ms" ours "p99 ms" ours "cpu us" ours load
  row "put (durable)" put ">= $aim_put"
  row "put through a follower" put_follower
  row "put, one client" put_one
  row "get (linearizable)" get ">= $aim_get"
  row "get, on a follower" get_follower
  row "get (local, serializable)" get_local
  row "watch, notices" watch
  row "heartbeat" heartbeat ">= 50k"
  printf '%-26s %9.2f %9.2f\n' "idle, % of a core a node" "$(median etcd idle.cpu)" \
    "$(median ours idle.cpu)"
  printf '%-26s %9.0f %9.0f\n' "resident MB of a node" "$(median etcd idle.rss)" \
    "$(median ours idle.rss)"
  [ "$nodes" = 1 ] || printf '%-26s %9.0f %9.0f\n' "kill -9 to next write, ms" \
    "$(median etcd failover)" "$(median ours failover)"
}
json() {
  local file name side
  printf '{"nodes":%s,"clients":%s,"size":%s,"rounds":%s,"cores":%s,"filesystem":"%s"' \
    "$nodes" "$clients" "$size" "$rounds" "$(nproc)" "$filesystem"
  for file in "$work"/results/*; do
    name="$(basename "$file")"
    side="${name%%.*}"
    printf ',"%s":%s' "$name" "$(median "$side" "${name#*.}")"
  done
  printf ',"ratio.put":%s,"ratio.get":%s}\n' "$(put_ratio)" "$(get_ratio)"
}

install_etcd
work="$(mktemp -d "$dir/compare-etcd-XXXXXX")"
mkdir "$work/results"
trap clean_up EXIT
trap 'exit 130' INT TERM
filesystem="$(stat -f -c %T "$work")"
[ "$filesystem" != tmpfs ] || say "$work is a tmpfs; a real disk says more (--dir)"
[ ${#high[@]} = 0 ] || "${high[@]}" true || fail "--realtime needs root"

for ((round = 1; round <= rounds; round++)); do
  for side in etcd ours; do
    say "round $round of $rounds: $side"
    one_round "$side"
  done
done
if [ "$nodes" != 1 ]; then
  for ((round = 1; round <= failovers; round++)); do
    for side in etcd ours; do
      say "failover $round of $failovers: $side"
      one_failover "$side"
    done
  done
fi
if [ "$output" = json ]; then json; else table; aims; fi
! aims | grep -q NO || exit 3
