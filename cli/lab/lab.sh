# The lab: three control-plane machines, a gateway with sensor, detector and firewall, an attacker, a
# client that means no harm and a victim, each a network namespace of this machine. Everything in it
# is real: processes, XDP, nftables, packets. Run by `ml-guard lab`, as root.
#
#   attacker 10.77.1.66 to .70 ┐                                      ┌ victim 10.77.2.80
#   client   10.77.1.20        ┴ 10.77.1.1 out [gateway] in 10.77.2.1 ┘
#   (.100 to .199 are the attacker's as well: for those who attack again and again)
#                                        10.77.0.10 mgmt ── 10.77.0.1, .2, .3 cp1, cp2, cp3
#
# Environment: MLGUARD_BIN (where the programs are), MLGUARD_LAB_DIR (state and logs),
# MLGUARD_LAB_PREFIX (of the namespaces: two labs may stand side by side), MLGUARD_LAB_RECORD (not
# empty: the bytes of every packet on every machine go into MLGUARD_LAB_DIR/record/).
set -euo pipefail

bin=${MLGUARD_BIN:?}
lab=${MLGUARD_LAB_DIR:-/var/tmp/ml-guard-lab}
prefix=${MLGUARD_LAB_PREFIX:-mlglab}
hosts=(cp1 cp2 cp3 gateway attacker client victim)
endpoints=10.77.0.1:2379,10.77.0.2:2379,10.77.0.3:2379
pins=/sys/fs/bpf/$prefix
victim=10.77.2.80
sshd=/usr/sbin/sshd
up_within_s=40

fail() {
  echo "error: $1" >&2
  exit 1
}

# Not `ip netns exec`: that gives each command a /sys of its own, and pins would not be shared.
on() {  # host, command ...
  local host=$1
  shift
  nsenter --net="/run/netns/$prefix-$host" "$@"
}

operator() {  # ml-guard of the operator on cp1
  on cp1 env XDG_STATE_HOME="$lab/cp1" MLGUARD_ENDPOINTS=$endpoints \
    MLGUARD_CREDENTIALS="$lab/cp1/ml-guard/operator.key" "$bin/ml-guard" "$@"
}

# Keeps a program running, as Restart=always of systemd does (packaging/systemd).
keep() {  # name, its pid file, command ...
  local name=$1 file=$2 child='' stopping=''
  shift 2
  trap 'stopping=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM
  while [ -z "$stopping" ]; do
    "$@" &
    child=$!
    if [ -n "$stopping" ]; then kill -TERM $child; fi
    echo $child >"$file.new"
    mv "$file.new" "$file"
    # A signal to this shell ends the waiting, not the child.
    while kill -0 $child 2>/dev/null; do wait $child; done
    if [ -z "$stopping" ]; then
      echo "$(date -u +%FT%TZ) $name ended; it is started again"
      sleep 0.2
    fi
  done
}

start() {  # host, name, command ...
  local host=$1 name=$2
  shift 2
  MLGUARD_PIN_FOLDER=$pins setsid bash -c "$(declare -f keep); keep \"\$@\"" keep "$name" "$lab/pid/$name" \
    nsenter --net="/run/netns/$prefix-$host" "$@" >>"$lab/log/$name.log" 2>&1 </dev/null &
  echo $! >"$lab/keeper/$name"
}

wait_until() {  # what, log, command ...
  local deadline=$((SECONDS + up_within_s)) what=$1 log=$lab/log/$2.log
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      tail -n 5 "$log" >&2
      fail "$what is not up after $up_within_s s: see $log"
    fi
    sleep 0.2
  done
}

is_up() { [ -e "$lab/pid" ]; }

cable() {  # host, interface, bridge, address
  ip link add "$2" netns "$prefix-$1" type veth peer name "$1-$2" netns "$prefix-net"
  ip -n "$prefix-net" link set "$1-$2" master "$3" up
  ip -n "$prefix-$1" address add "$4" dev "$2"
  ip -n "$prefix-$1" link set "$2" up
}

make_networks() {
  local host bridge n
  for host in net "${hosts[@]}"; do
    ip netns add "$prefix-$host"
    ip -n "$prefix-$host" link set lo up
  done
  for bridge in mgmt out in; do ip -n "$prefix-net" link add "$bridge" type bridge; done
  for bridge in mgmt out in; do ip -n "$prefix-net" link set "$bridge" up; done
  cable cp1 eth0 mgmt 10.77.0.1/24
  cable cp2 eth0 mgmt 10.77.0.2/24
  cable cp3 eth0 mgmt 10.77.0.3/24
  cable gateway mgmt mgmt 10.77.0.10/24
  cable gateway out out 10.77.1.1/24
  cable gateway in in 10.77.2.1/24
  cable attacker eth0 out 10.77.1.66/24
  cable client eth0 out 10.77.1.20/24
  cable victim eth0 in $victim/24
  for n in 67 68 69 70 $(seq 100 199); do
    echo "address add 10.77.1.$n/24 dev eth0"
  done | ip -n "$prefix-attacker" -batch -
  ip -n "$prefix-attacker" route add default via 10.77.1.1
  ip -n "$prefix-client" route add default via 10.77.1.1
  ip -n "$prefix-victim" route add default via 10.77.2.1
  on gateway sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}

# From the very first byte on, on every link: what travels can be searched afterwards.
start_recorders() {
  local host
  [ -n "${MLGUARD_LAB_RECORD:-}" ] || return 0
  mkdir -p "$lab/record"
  for host in "${hosts[@]}"; do
    start "$host" "record-$host" "$bin/ml-guard-lab-traffic" record "$lab/record/$host"
  done
}

start_servers() {
  local n
  for n in 1 2 3; do
    mkdir -p "$lab/cp$n/ml-guard"
    # All instances of a cluster have one key: the first makes it.
    if [ "$n" -gt 1 ]; then cp -p "$lab/cp1/ml-guard/cluster.key" "$lab/cp$n/ml-guard/"; fi
    start "cp$n" "etcd-server-$n" env XDG_STATE_HOME="$lab/cp$n" "$bin/etcd-server" --port 2379 \
      --advertise "10.77.0.$n:2379" --peers $endpoints
    wait_until "etcd-server $n" "etcd-server-$n" on "cp$n" curl -fsS http://localhost:2379/status
  done
  wait_until "a leader" etcd-server-1 operator config list
}

# The real one where Debian's openssh-server is installed; nothing of the host's own is used by it,
# and nobody can log in. Else our own server says what an sshd says first.
start_victim() {
  local ports=22,80,445
  if [ -x $sshd ] && getent passwd sshd >/dev/null && command -v ssh >/dev/null; then
    ports=80,445
    mkdir -p /run/sshd "$lab/sshd"
    ssh-keygen -q -t ed25519 -N '' -f "$lab/sshd/key"
    cat >"$lab/sshd/config" <<TEXT
Port 22
HostKey $lab/sshd/key
PidFile none
UsePAM no
PasswordAuthentication yes
AllowUsers nobody-at-all
MaxStartups 500
TEXT
    start victim sshd $sshd -D -e -f "$lab/sshd/config"
  fi
  start victim victim "$bin/ml-guard-lab-traffic" serve --ports $ports
}

# Whom an infected machine calls: the attacker's own server.
start_c2() { start attacker c2 "$bin/ml-guard-lab-traffic" serve --ports 80; }

# Passwords tried one after the other, as the tools of attackers do.
guess_passwords() {  # from, --rate N, --count N
  local from=$1 rate=5 count=100 i log=$lab/log/guesses.log
  shift
  while [ $# -gt 1 ]; do
    case $1 in
      --rate) rate=$2 ;;
      --count) count=$2 ;;
      *) fail "brute-force: --rate N, --count N" ;;
    esac
    shift 2
  done
  printf '#!/bin/sh\necho wrong\n' >"$lab/sshd/askpass"
  chmod +x "$lab/sshd/askpass"
  : >"$log"
  for ((i = 0; i < count; i++)); do
    on attacker env SSH_ASKPASS="$lab/sshd/askpass" SSH_ASKPASS_REQUIRE=force \
      timeout 3 ssh -b "$from" -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
      -o PreferredAuthentications=password -o NumberOfPasswordPrompts=1 -o ConnectTimeout=1 \
      "root@$victim" true >>"$log" 2>&1 </dev/null &
    sleep "$(awk "BEGIN { print 1 / $rate }")"
  done
  wait
  echo "brute-force: $count attempts, $(grep -c 'Permission denied' "$log") answered"
}

start_component() {  # name, flags ...
  local name=$1 token
  shift
  token=$(operator token create --role "$name" -o raw)
  MLGUARD_JOIN=$token MLGUARD_CREDENTIALS=$lab/$name.credential XDG_STATE_HOME=$lab/gateway \
    start gateway "$name" "$bin/$name" --endpoints $endpoints "$@"
}

all_healthy() {
  local beating
  operator health --check --quiet &&
    beating=$(operator health -o json | jq '[.components[] | select(.last_heartbeat != null)] | length') &&
    [ "$beating" -eq 4 ]
}

lab_up() {
  [ "$(id -u)" -eq 0 ] || fail "the lab needs root: network namespaces, XDP and nftables"
  ! is_up || fail "the lab is up already: ml-guard lab status, ml-guard lab down"
  rm -rf "$lab"
  mkdir -p "$lab/log" "$lab/pid" "$lab/keeper"
  trap 'echo "the lab did not come up; taking it down" >&2; lab_down' ERR
  echo "making networks ..."
  make_networks
  start_recorders
  echo "starting three control-plane servers ..."
  start_servers
  operator config put global - <<<'{"site":{"name":"lab"},"heartbeat":{"interval_s":1}}' >/dev/null
  operator config put firewall - <<<'{"xdp":{"enabled":true,"interfaces":["out"]}}' >/dev/null
  # As an operator would: what is inside, and a beacon that is sure within seconds, not hours.
  operator config put ml-detector - >/dev/null <<'JSON'
{"home": ["10.77.2.0/24"],
 "rules": {"block_c2_servers": true},
 "fast_rules": {"beacon_contacts": 5, "beacon_period_min_s": 0.5}}
JSON
  echo "starting ml-detector, sniffer, firewall and rag on the gateway ..."
  start_component ml-detector
  start_component sniffer --iface out
  start_component firewall
  start_component rag
  echo "starting the victim's server and a client ..."
  start_victim
  start_c2
  wait_until "a component" sniffer all_healthy
  trap - ERR
  echo
  operator health
  cat <<TEXT

The lab is up. Attack it, and watch:
  ml-guard lab attack port-scan       (syn-flood, brute-force, smb-sweep, beacon)
  ml-guard lab status
  ml-guard lab exec rules list        any command of ml-guard, as the lab's operator
  ml-guard lab down                   takes it all away
Logs: $lab/log/
TEXT
}

is_running() { kill -0 "$1" 2>/dev/null; }

stop() {  # name
  local file=$lab/keeper/$1 keeper
  [ -e "$file" ] || return 0
  keeper=$(cat "$file")
  kill -TERM "$keeper" 2>/dev/null || return 0
  for _ in $(seq 50); do is_running "$keeper" || return 0; sleep 0.1; done
  kill -KILL "$keeper" "$(cat "$lab/pid/$1")" 2>/dev/null || true  # it ended in time
}

lab_down() {
  local name host
  trap - ERR
  # Agents before servers, so that they can unregister.
  for name in rag firewall sniffer ml-detector victim c2 sshd etcd-server-3 etcd-server-2 etcd-server-1 \
    "${hosts[@]/#/record-}"; do
    stop "$name"
  done
  # A lab that did not come up whole lacks some.
  for host in "${hosts[@]}" net; do ip netns del "$prefix-$host" 2>/dev/null || true; done
  rm -rf "$pins" "$lab/pid" "$lab/keeper"
  echo "the lab is down; state and logs stay in $lab"
}

lab_status() {
  is_up || fail "the lab is not up: ml-guard lab up"
  operator health
  echo
  operator detections --limit 5
  echo
  operator rules list
}

# Of its own for each attack: one that is blocked for one of them can still try the others.
attacker_of() {
  case $1 in
    port-scan) echo 10.77.1.66 ;;
    syn-flood) echo 10.77.1.67 ;;
    brute-force) echo 10.77.1.68 ;;
    smb-sweep) echo 10.77.1.69 ;;
    beacon) echo 10.77.1.70 ;;
    *) fail "which attack? port-scan, syn-flood, brute-force, smb-sweep or beacon" ;;
  esac
}

milliseconds_since() { echo $((($(date +%s%N) - $1) / 1000000)); }

# What the attacker sees, without asking any of ours. Asking must not look like an attack where the
# attack itself is hardly to be seen.
answered() {  # from, kind
  if [ "$2" = beacon ]; then
    sleep 1
    on attacker ping -n -c1 -W1 -I "$1" $victim >/dev/null
  else
    on attacker "$bin/ml-guard-lab-traffic" browse $victim --from "$1" --count 1 >/dev/null
  fi
}

lab_attack() {
  local kind=${1:-} from source began asked attack blocked_after=
  is_up || fail "the lab is not up: ml-guard lab up"
  from=$(attacker_of "$kind")
  shift
  if [ "${1:-}" = --from ]; then
    from=${2:?--from ADDRESS}
    shift 2
  fi
  answered "$from" "$kind" || fail "$from is blocked already: ml-guard lab exec rules list"
  source=$from
  if [ "$kind" = beacon ]; then
    source=$victim
    echo "$victim, infected: beacon to $from ..."
  else
    echo "$from: $kind against $victim ..."
  fi
  began=$(date +%s%N)
  if [ "$kind" = beacon ]; then
    on victim "$bin/ml-guard-lab-traffic" beacon "$from" "$@" &
  elif [ "$kind" = brute-force ] && [ -e "$lab/sshd/key" ]; then
    guess_passwords "$from" "$@" &
  else
    on attacker "$bin/ml-guard-lab-traffic" "$kind" $victim --from "$from" "$@" &
  fi
  attack=$!
  while [ -z "$blocked_after" ]; do
    asked=$(milliseconds_since "$began")
    answered "$from" "$kind" || blocked_after=$asked
    # What was seen last may take a moment to become a rule.
    kill -0 $attack 2>/dev/null || [ "$(milliseconds_since "$began")" -lt 3000 ] || break
    sleep 0.1
  done
  wait $attack || true  # browse and the like say so when they hear nothing: here that is the point
  if [ -z "$blocked_after" ]; then
    echo "not blocked"
  else
    echo "blocked $blocked_after ms after the attack began"
  fi
  if on client "$bin/ml-guard-lab-traffic" browse $victim --count 3 --rate 10 >/dev/null; then
    echo "the client 10.77.1.20 is served as before"
  else
    echo "the client 10.77.1.20 is NOT served"
  fi
  echo
  operator detections --source "$source" --limit 3
  echo
  operator rules list
}

case ${1:-} in
  up) lab_up ;;
  down) lab_down ;;
  status) lab_status ;;
  attack) shift; lab_attack "$@" ;;
  exec) shift; is_up || fail "the lab is not up: ml-guard lab up"; operator "$@" ;;
  *) fail "ml-guard lab up|status|attack|exec|down" ;;
esac
