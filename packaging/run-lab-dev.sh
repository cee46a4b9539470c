#!/usr/bin/env bash
# Starts the control plane (three servers) and every component on this machine, waits until all are healthy, shows
# them, says how to go on, and stops everything it started on Ctrl-C. As root also a network of namespaces with the same
# processes, an attacker and a victim (ml-guard lab up): here nothing is attacked or dropped, there everything is.
# Without root the sniffer plays a capture with attacks in it, and the firewall says what it would drop.
# Usage: packaging/run-lab-dev.sh BUILD_DIR      (make run-lab-dev builds first)
# Environment: MLGUARD_LAB_DIR (state and logs), MLGUARD_LAB_PORT, MLGUARD_LAB_IFACE (what the sniffer watches),
# MLGUARD_LAB_NETWORK=no (without the network of namespaces), MLGUARD_LAB_CAPTURE (played instead of watching).
set -euo pipefail

build_dir=$(cd "${1:?usage: run-lab-dev.sh BUILD_DIR}" && pwd)
bin=$build_dir/bin
lab=${MLGUARD_LAB_DIR:-$build_dir/lab}
own_capture=$(cd "$(dirname "$0")/.." && pwd)/data/captures/office.pcap
port=${MLGUARD_LAB_PORT:-2379}
ports=("$port" $((port + 1)) $((port + 2)))
components=(sniffer ml-detector firewall rag)
healthy_within_s=30
# The scan comes in the capture's fifth second.
blocked_within_s=30

mkdir -p "$lab/log"
export XDG_STATE_HOME=$lab/state
endpoints=$(printf 'localhost:%s,' "${ports[@]}")
export MLGUARD_ENDPOINTS=${endpoints%,}
export MLGUARD_CREDENTIALS=$XDG_STATE_HOME/ml-guard/operator.key

# The network is found by `ml-guard lab` in another terminal: where that looks, unless another place is said.
network=${MLGUARD_LAB_DIR:+$lab/network}
export MLGUARD_LAB_DIR=${network:-/var/tmp/ml-guard-lab}
network_is_up=

pids=()
stop_all() {
  trap - INT TERM HUP PIPE EXIT
  echo
  echo "stopping ..."
  # It says itself what does not come down; what was started here is stopped in any case.
  [ -z "$network_is_up" ] || "$bin/ml-guard" lab down || true
  # The servers go last, so that the components can still unregister.
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill -TERM "${pids[$i]}" 2>/dev/null || continue
    wait "${pids[$i]}" 2>/dev/null || echo "process ${pids[$i]} ended with status $?"
  done
  echo "stopped; state and logs stay in $lab"
}
trap 'stop_all; exit 0' INT TERM
# Nobody reads on (a closed terminal, "| head"): what was started goes all the same.
trap 'exec >/dev/null 2>&1; stop_all; exit 1' HUP PIPE
trap stop_all EXIT

fail() {
  echo "error: $1" >&2
  [ -z "${2:-}" ] || tail -n 5 "$2" >&2
  exit 1
}

start() {  # name, command ...
  local name=$1
  shift
  # Ctrl-C reaches the whole foreground group: setsid leaves stopping to stop_all, in order.
  setsid "$@" >"$lab/log/$name.log" 2>&1 &
  pids+=($!)
}

wait_until() {  # seconds, what, log, command ...
  local deadline=$((SECONDS + $1)) what=$2 log=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    kill -0 "${pids[-1]}" 2>/dev/null || fail "$what ended; its last words:" "$log"
    [ $SECONDS -lt $deadline ] || fail "$what is not up after $1 s; its last words:" "$log"
    sleep 0.1
  done
}

for each in "${ports[@]}"; do
  echo "starting etcd-server on port $each ..."
  # Itself among its peers does no harm.
  start "etcd-server-$each" "$bin/etcd-server" --port "$each" --peers "$MLGUARD_ENDPOINTS"
  wait_until "$healthy_within_s" "etcd-server" "$lab/log/etcd-server-$each.log" \
    curl -fsS "http://localhost:$each/status"
done

has_leader() {
  curl -fsS "http://localhost:$port/status" | jq -e '.leader != null'
}
wait_until "$healthy_within_s" "a leader" "$lab/log/etcd-server-$port.log" has_leader

# What the sniffer watches: where this machine's packets leave it, or its loopback. Without root it may watch nothing.
capture=${MLGUARD_LAB_CAPTURE:-}
if [ -z "$capture" ] && [ "$(id -u)" -ne 0 ]; then capture=$own_capture; fi
interface=${MLGUARD_LAB_IFACE:-$(ip route show default 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)}
interface=${interface:-lo}
watched="on $interface"
[ -z "$capture" ] || watched='in the capture'

# Two of these may run on one machine, each with a pipeline of its own.
if [ "$port" -ne 2379 ] && ! "$bin/ml-guard" config get ml-detector >/dev/null 2>&1; then
  pipe=tcp://127.0.0.1:$((port + 3))
  echo "{\"ingest\":{\"endpoint\":\"$pipe\"}}" | "$bin/ml-guard" config put ml-detector - >/dev/null
  echo "{\"export\":{\"endpoint\":\"$pipe\"}}" | "$bin/ml-guard" config put sniffer - >/dev/null
fi

for name in "${components[@]}"; do
  credential=$XDG_STATE_HOME/ml-guard/$name.credential
  # The token goes through the environment: arguments are there for everyone to read in ps.
  unset MLGUARD_JOIN
  if [ ! -e "$credential" ]; then
    MLGUARD_JOIN=$("$bin/ml-guard" token create --role "$name" -o raw)
    export MLGUARD_JOIN
  fi
  flags=()
  if [ "$name" = sniffer ]; then
    flags=(--iface "$interface")
    [ -z "$capture" ] || flags=(--replay "$capture" --times 0)
  fi
  # Nobody's own machine should drop packets because of a rule that was tried out.
  [ "$name" != firewall ] || flags=(--dry-run)
  echo "starting $name${flags[*]:+ ${flags[*]}} ..."
  MLGUARD_CREDENTIALS=$credential start "$name" "$bin/$name" --endpoints "$MLGUARD_ENDPOINTS" "${flags[@]}"
done

unset MLGUARD_JOIN

all_healthy() {
  local healthy
  healthy=$(curl -fsS "http://localhost:$port/health" |
    jq '[.components[] | select(.status == "healthy" and .last_heartbeat != null)] | length')
  [ "$healthy" -ge ${#components[@]} ]
}
wait_until "$healthy_within_s" "a component" "$lab/log/${components[-1]}.log" all_healthy

# A rule, and the firewall has it.
has_rule() {
  "$bin/ml-guard" rules list -o json |
    jq -e 'any(.rules[].firewalls[]; .in_force != "not yet")' >/dev/null 2>&1
}
if [ -n "$capture" ]; then
  echo "playing $capture, until a source in it is blocked ..."
  # A capture of somebody's own may have no attack in it.
  for ((tenth = 0; tenth < blocked_within_s * 10; tenth++)); do
    if has_rule; then break; fi
    sleep 0.1
  done
fi

if [ "$(id -u)" -eq 0 ] && [ "${MLGUARD_LAB_NETWORK:-yes}" != no ]; then
  echo "making the lab's network: an attacker, a client, a gateway that defends, a victim ..."
  # Setsid: Ctrl-C is for stop_all.
  if setsid --wait "$bin/ml-guard" lab up >"$lab/log/network.log" 2>&1; then
    network_is_up=yes
  else
    tail -n 3 "$lab/log/network.log" >&2
    echo "going on without it; see $lab/log/network.log" >&2
  fi
fi

echo
"$bin/ml-guard" members
"$bin/ml-guard" health
if [ -n "$capture" ]; then
  echo
  "$bin/ml-guard" detections --limit 5
  echo
  "$bin/ml-guard" rules list
fi
cat <<TEXT

All up. In another terminal:
  export PATH=$bin:\$PATH MLGUARD_CREDENTIALS=$MLGUARD_CREDENTIALS
  export MLGUARD_ENDPOINTS=$MLGUARD_ENDPOINTS
  ml-guard status                                        the control plane
  ml-guard flows --follow                                who talks most $watched
  ml-guard config get sniffer                            a component's configuration
  ml-guard rules add 192.0.2.7 --ttl 1h --reason test    block an address for an hour
  curl -s http://localhost:$port/health | jq '.components'
  curl -s http://localhost:${ports[1]}/status | jq '.leader'
  sqlite3 $XDG_STATE_HOME/ml-guard/$port/control.db 'select * from v_components'
Nothing is attacked or dropped on this machine itself.
TEXT
if [ -n "$network_is_up" ]; then
  [ -z "$network" ] || echo "  export MLGUARD_LAB_DIR=$network"
  cat <<TEXT
Attack the lab's network (docs/lab.md), and watch it being defended:
  ml-guard lab attack port-scan                          or syn-flood, brute-force, smb-sweep, beacon
  ml-guard lab exec flows --follow                       who talks most, as its sniffer sees it
  ml-guard lab exec detections                           what its ml-detector found
  ml-guard lab exec rules list                           what is blocked, until when, and where
TEXT
elif [ "$(id -u)" -ne 0 ]; then
  cat <<TEXT
Missing, because this is not root: XDP and nftables (the sniffer plays a capture, the firewall is a dry run: rules say
"dry run", nothing is dropped) and the lab's network with an attacker and a victim. For all of it: sudo make run-lab-dev
TEXT
fi
echo "Logs: $lab/log/    Stop: Ctrl-C here"
while :; do
  for pid in "${pids[@]}"; do
    kill -0 "$pid" 2>/dev/null || fail "process $pid ended by itself; see $lab/log/"
  done
  sleep 1
done
