#!/bin/bash
# Runs the same loads against etcd (Debian's etcd-server) and against ours, in turn, on this machine
# and this disk, and prints the ratios. Both are durable: etcd with its fsync, ours with
# synchronous=FULL. Ours is sealed besides; etcd's gateway is not.
#
#   tests/bench/compare_etcd.sh [--nodes 1] [--duration SECONDS] [--clients N] [--size BYTES]
#                               [--build FOLDER] [--dir FOLDER] [-o table|json]
#
# Leaves nothing behind: both servers are ended by their process id, their data is removed.
set -euo pipefail

root="$(cd "$(dirname "$0")/../.." && pwd)"
nodes=1 duration=10 clients=16 size=256 build="$root/build" dir="${TMPDIR:-/var/tmp}" output=table
start_seconds_max=20
stop_seconds_max=15

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0"; }
fail() { echo "compare_etcd: $1" >&2; exit "${2:-1}"; }

while [ $# -gt 0 ]; do
  case "$1" in
    --nodes) nodes="${2:?}"; shift 2 ;;
    --duration) duration="${2:?}"; duration="${duration%s}"; shift 2 ;;
    --clients) clients="${2:?}"; shift 2 ;;
    --size) size="${2:?}"; shift 2 ;;
    --build) build="$(cd "${2:?}" && pwd)"; shift 2 ;;
    --dir) dir="${2:?}"; shift 2 ;;
    -o | --output) output="${2:?}"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; fail "unknown flag '$1'" 2 ;;
  esac
done
[ "$nodes" = 1 ] || fail "only --nodes 1 can be compared: our servers do not replicate yet" 2
[ "$output" = table ] || [ "$output" = json ] || fail "-o is table or json" 2
for program in "$build/bin/etcd-server" "$build/bin/ml-guard" "$build/tests/etcd_load"; do
  [ -x "$program" ] || fail "$program is missing; type: make build"
done

install_etcd() {
  command -v etcd >/dev/null && return
  echo "installing Debian's etcd-server" >&2
  local as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  # A service of it is not wanted: what we measure we start ourselves.
  $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q etcd-server >&2 ||
    fail "could not install etcd-server; type: apt-get update, and run this again"
}

free_port() {
  local port
  for port in $(shuf -i 20000-30000 -n 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  fail "no free port"
}

work=""
server_pid=""
stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "$server_pid" 2>/dev/null || true
  local waited=0
  while kill -0 "$server_pid" 2>/dev/null && [ $waited -lt $((stop_seconds_max * 10)) ]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  kill -9 "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=""
}
clean_up() {
  stop_server
  [ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# number JSON KEY: the first number of that name.
number() { sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" <<<"$1" | head -1; }
bounded() { timeout --signal=INT --kill-after=10 $((duration + 60)) "$@"; }

install_etcd
work="$(mktemp -d "$dir/compare-etcd-XXXXXX")"
filesystem="$(stat -f -c %T "$work")"
[ "$filesystem" != tmpfs ] || echo "note: $work is a tmpfs; a real disk says more (--dir)" >&2

# ---- etcd
port="$(free_port)" peer_port="$(free_port)"
# Deliberately without --unsafe-no-fsync: an acknowledged write must be on the disk, as ours is.
etcd --name bench --data-dir "$work/etcd" --log-level error \
  --listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
  --listen-peer-urls "http://127.0.0.1:$peer_port" \
  --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" \
  --initial-cluster "bench=http://127.0.0.1:$peer_port" >"$work/etcd.log" 2>&1 &
server_pid=$!
etcd_load() {
  echo "etcd: $1, $duration s" >&2
  bounded "$build/tests/etcd_load" 127.0.0.1 "$port" "$1" "$clients" "$duration" "$size" ||
    { tail -3 "$work/etcd.log" >&2; fail "the load '$1' against etcd failed"; }
}
etcd_put="$(etcd_load put)"
etcd_get="$(etcd_load get)"
etcd_serializable="$(etcd_load get-serializable)"
stop_server

# ---- ours
port="$(free_port)"
export XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"
export MLGUARD_ENDPOINTS="127.0.0.1:$port"
unset MLGUARD_CREDENTIALS
"$build/bin/etcd-server" --port "$port" >"$work/ours.log" 2>&1 &
server_pid=$!
waited=0
until "$build/bin/ml-guard" status --quiet >/dev/null 2>&1; do
  kill -0 "$server_pid" 2>/dev/null || { tail -3 "$work/ours.log" >&2; fail "our server ended"; }
  [ $waited -lt $((start_seconds_max * 10)) ] || fail "our server does not answer"
  sleep 0.1
  waited=$((waited + 1))
done
our_load() {
  echo "ours: $1, $duration s" >&2
  bounded "$build/bin/ml-guard" bench "$1" --clients "$clients" --duration "${duration}s" \
    --size "$size" -o raw || { tail -3 "$work/ours.log" >&2; fail "the load '$1' failed"; }
}
our_put="$(our_load put)"
our_get="$(our_load get)"
our_heartbeat="$(our_load heartbeat)"
stop_server

# ---- report
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }
rate() { number "$1" rate_per_s; }
p50() { number "$1" p50; }
p99() { number "$1" p99; }
put_ratio="$(ratio "$(rate "$our_put")" "$(rate "$etcd_put")")"
get_ratio="$(ratio "$(rate "$our_get")" "$(rate "$etcd_get")")"
serializable_ratio="$(ratio "$(rate "$our_get")" "$(rate "$etcd_serializable")")"

if [ "$output" = json ]; then
  printf '{"etcd":{"put":%s,"get":%s,"get_serializable":%s},' \
    "$etcd_put" "$etcd_get" "$etcd_serializable"
  printf '"ours":{"put":%s,"get":%s,"heartbeat":%s},' "$our_put" "$our_get" "$our_heartbeat"
  printf '"ratio":{"put":%s,"get":%s,"get_to_serializable":%s},' \
    "$put_ratio" "$get_ratio" "$serializable_ratio"
  printf '"machine":{"cores":%s,"filesystem":"%s"}}\n' "$(nproc)" "$filesystem"
  exit 0
fi
row() { # LABEL THEIRS OURS
  printf '%-24s %10.0f %10.0f  x%-6s %8.2f %8.2f %8.2f %8.2f\n' "$1" "$(rate "$2")" "$(rate "$3")" \
    "$(ratio "$(rate "$3")" "$(rate "$2")")" \
    "$(awk -v v="$(p50 "$2")" 'BEGIN { print v / 1000 }')" \
    "$(awk -v v="$(p50 "$3")" 'BEGIN { print v / 1000 }')" \
    "$(awk -v v="$(p99 "$2")" 'BEGIN { print v / 1000 }')" \
    "$(awk -v v="$(p99 "$3")" 'BEGIN { print v / 1000 }')"
}
echo "$clients clients, $size bytes, $duration s each, $(nproc) cores, $filesystem"
echo "                             etcd/s     ours/s  ratio   p50 etcd  p50 ours etcd p99 ours (ms)"
row "put (durable)" "$etcd_put" "$our_put"
row "get (linearizable)" "$etcd_get" "$our_get"
row "get (to serializable)" "$etcd_serializable" "$our_get"
printf '%-24s %10s %10.0f  %-7s %8s %8.2f %8s %8.2f\n' "heartbeat" - "$(rate "$our_heartbeat")" - - \
  "$(awk -v v="$(p50 "$our_heartbeat")" 'BEGIN { print v / 1000 }')" - \
  "$(awk -v v="$(p99 "$our_heartbeat")" 'BEGIN { print v / 1000 }')"
