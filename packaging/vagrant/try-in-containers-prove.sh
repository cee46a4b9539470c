# shellcheck shell=bash
# Part of try-in-containers.sh, which reads it: what must be seen on the machines once they are up.
# It gives work, prefix, fail, wait_until, names, machines, boot, is_booted, in_machine, leader_of.

servers=10.77.0.1:2379,10.77.0.2:2379,10.77.0.3:2379
attacker=10.77.1.66
victim=10.77.2.80
agents=(ml-detector sniffer firewall rag)
# CAP_NET_ADMIN, CAP_SYS_RESOURCE, CAP_PERFMON, CAP_BPF: more may neither sniffer nor firewall have.
capabilities=0xc001001000

step() { printf '\n== %s\n' "$1"; }

# On whichever control-plane machine is on: one will be off. Each has its own operator's key.
operator() {
  local name
  for name in cp1 cp2 cp3; do
    if leader_of "$name" >/dev/null; then
      in_machine "$name" env MLGUARD_ENDPOINTS=$servers ml-guard "$@"
      return
    fi
  done
  return 1
}

utc() { date -u +%FT%TZ; }

# With heartbeats after that: what is dead is healthy for a while.
all_healthy() {  # since
  operator components -o raw |
    awk -v since="$1" -v want=${#agents[@]} '$2 == "healthy" && $3 > since { n++ } END { exit n != want }'
}

voters_heard() {  # how many
  [ "$(operator members -o json | jq '[.members[] | select(.kind == "voter" and .silent_ms < 2000)] | length')" -eq "$1" ]
}

leading() { operator members -o json | jq -er '.leader | select(. != "")'; }
leads_another() { local now; now=$(leading) && [ "$now" != "$1" ]; }

is_blocked() { operator rules list | grep -q "drop .*$attacker/32.* firewall$"; }

page() {  # machine, from which of its addresses
  in_machine "$1" curl -fsS -o /dev/null --max-time 2 --interface "$2" http://$victim/
}

must_drop() {  # when
  ! page attacker $attacker 2>/dev/null || fail "the attacker reaches the victim $1"
  page client 10.77.1.20 || fail "the client is not served $1"
  echo "$attacker is dropped $1, the client 10.77.1.20 is served"
}

property() { in_machine "$1" systemctl show -P "$2" "$3"; }  # machine, property, unit
is_active() { [ "$(property "$1" ActiveState "$2")" = active ]; }

prove_cluster() {
  step "three servers, four components"
  wait_until "three voters" voters_heard 3
  wait_until "all components are healthy" all_healthy "$(utc)"
  operator members
  operator components
}

prove_sandbox() {
  local unit pid has
  step "the units' sandbox on the gateway"
  for unit in sniffer firewall; do
    pid=$(property gateway MainPID $unit)
    has=$(in_machine gateway sed -n 's/^CapBnd:\s*/0x/p' "/proc/$pid/status")
    [ $((has & ~capabilities)) -eq 0 ] || fail "$unit has capabilities $has"
    ! in_machine gateway nsenter --target "$pid" --mount touch /usr/local/bin/x 2>/dev/null ||
      fail "$unit can write to /usr"
    echo "$unit: capabilities $has, /usr cannot be written"
  done
  in_machine gateway ip -d link show eth2 | grep -o 'prog/xdp .* name [a-z_]*'
  in_machine gateway nft list chain inet ml_guard early | grep -o 'hook .*;'
}

prove_attack() {
  step "a port scan becomes a rule"
  page attacker $attacker || fail "the attacker does not reach the victim before it attacks"
  in_machine attacker ml-guard-lab-traffic port-scan $victim --from $attacker | tr '\r' '\n' | tail -n 1
  wait_until "the attacker is blocked" is_blocked
  operator detections
  operator rules list
  must_drop "after the scan"
  operator component get firewall -o json | jq -r '.heartbeat.detail.enforcers[] | "\(.name): \(.networks) networks, \(.packets) packets dropped"'
}

is_started_again() {  # machine, unit, its process before
  local now
  now=$(property "$1" MainPID "$2")
  is_active "$1" "$2" && [ "$now" -ne 0 ] && [ "$now" -ne "$3" ]
}

prove_restarts() {
  local machine unit before
  step "every unit is killed"
  while read -r machine unit; do
    before=$(property "$machine" MainPID "$unit")
    in_machine "$machine" systemctl kill -s KILL "$unit" </dev/null
    wait_until "$unit on $machine is started again" is_started_again "$machine" "$unit" "$before"
    echo "$machine: $unit was $before, is $(property "$machine" MainPID "$unit")"
  done < <(printf '%s etcd-server\n' cp1 cp2 cp3; printf 'gateway %s\n' "${agents[@]}")
  wait_until "three voters" voters_heard 3
  wait_until "all components are healthy" all_healthy "$(utc)"
  must_drop "after that"
}

has_rebooted() {  # machine, process 1 before
  local now
  now=$(leader_of "$1") && [ "$now" != "$2" ] && is_booted "$1"
}

reboot_machine() {  # machine
  local before
  before=$(leader_of "$1")
  in_machine "$1" systemctl reboot --no-block
  wait_until "$1 has rebooted" has_rebooted "$1" "$before"
}

prove_reboots() {
  step "cp1 and the gateway reboot"
  reboot_machine cp1
  wait_until "etcd-server is back on cp1" voters_heard 3
  echo "cp1 is back, three voters"
  reboot_machine gateway
  wait_until "all components are healthy" all_healthy "$(utc)"
  wait_until "the attacker is blocked" is_blocked
  in_machine gateway ip -d link show eth2 | grep -o 'prog/xdp .* name [a-z_]*'
  must_drop "after the gateway's reboot"
  [ -z "$(in_machine gateway systemctl --failed --no-legend)" ] || fail "units of the gateway failed"
}

prove_leader() {
  local before name
  step "the leader's machine is powered off"
  before=$(leading)
  name=$(machines | awk -v address="${before%:*}" '{ for (n = 3; n <= NF; n += 2) if ($n == address) print $1 }')
  in_machine "$name" systemctl poweroff --no-block
  wait_until "$name is off" is_off "$name"
  wait_until "another leads" leads_another "$before"
  echo "$name ($before) is off, $(leading) leads"
  operator rules add 192.0.2.7 --ttl 1h --reason 'the leader is gone'
  wait_until "all components are healthy" all_healthy "$(utc)"
  must_drop "without $name"
  # Words of a line are arguments of their own.
  # shellcheck disable=SC2046
  boot $(machines | grep "^$name ")
  wait_until "three voters" voters_heard 3
  echo "$name is on again, three voters"
}

prove() {
  prove_cluster
  prove_sandbox
  prove_attack
  prove_restarts
  prove_reboots
  prove_leader
  printf '\nall of it was seen\n'
}
