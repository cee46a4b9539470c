#!/usr/bin/env bash
# Makes a machine of the Vagrantfile what its role says, from this tree. Run as root, on Debian 12,
# as often as one likes.
# Usage: packaging/vagrant/provision.sh cp1|cp2|cp3|gateway|attacker|client|victim KEY
#   KEY: a private key that opens cp1 to the others; cp1 itself takes its public half.
set -euo pipefail

role=${1:?usage: provision.sh ROLE KEY}
key=${2:?usage: provision.sh ROLE KEY}
tree=$(cd "$(dirname "$0")/../.." && pwd -P)
build=${MLGUARD_BUILD_DIR:-/var/tmp/ml-guard-build}
endpoints=10.77.0.1:2379,10.77.0.2:2379,10.77.0.3:2379
cp1=10.77.0.1
patience_s=120
umask 077

on_cp1() {
  # What is asked is meant to be expanded here.
  # shellcheck disable=SC2029
  ssh -i "$key" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o LogLevel=ERROR "root@$cp1" "$@"
}

wait_until() {  # what, command ...
  local what=$1 deadline=$((SECONDS + patience_s))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      echo "error: $what is not up after $patience_s s" >&2
      exit 1
    fi
    sleep 1
  done
}

install_programs() {
  "$tree/cmake/install-deps.sh"
  (
    umask 022
    cmake -S "$tree" --preset release -B "$build" >/dev/null
    cmake --build "$build" --target etcd-server ml-guard sniffer ml-detector firewall rag ml-guard-lab-traffic
    cmake --install "$build" --prefix /usr/local >/dev/null
  )
  systemctl daemon-reload
}

settings() {  # name, line ...
  local name=$1
  shift
  mkdir -p /etc/ml-guard
  printf '%s\n' "$@" >"/etc/ml-guard/$name.env"
}

control_plane() {  # number
  mkdir -p /var/lib/ml-guard /root/.ssh
  if [ "$1" -eq 1 ]; then
    ssh-keygen -y -f "$key" >/root/.ssh/authorized_keys
  else
    # All instances of a cluster have one key: the first makes it.
    local cluster_key=/var/lib/ml-guard/cluster.key
    wait_until "cp1's cluster key" on_cp1 "test -s $cluster_key"
    on_cp1 "cat $cluster_key" >$cluster_key
  fi
  settings etcd-server "MLGUARD_FLAGS=--port 2379 --advertise 10.77.0.$1:2379 --peers $endpoints"
  systemctl enable etcd-server
  systemctl restart etcd-server
  wait_until "etcd-server" curl -fsS http://localhost:2379/status
}

component() {  # name, flags ...
  local name=$1 token=''
  shift
  if [ ! -s "/var/lib/ml-guard/$name.credential" ]; then
    token=$(on_cp1 "MLGUARD_ENDPOINTS=$endpoints ml-guard token create --role $name -o raw")
  fi
  settings "$name" "MLGUARD_ENDPOINTS=$endpoints" "MLGUARD_FLAGS=$*" "MLGUARD_JOIN=$token"
  systemctl enable "$name"
  systemctl restart "$name"
}

# The interface that has an address: vagrant's names differ with the hypervisor.
interface_of() {
  # Not -br: that writes NAME@PEER for an interface with a peer.
  ip -o -4 address | awk -v address="$1/" 'index($4, address) == 1 { print $2; found = 1 } END { exit !found }' ||
    { echo "error: no interface has the address $1" >&2; return 1; }
}

# With heartbeats after that, by cp1's clock: what is dead is healthy for a while.
all_healthy() {  # since
  on_cp1 "MLGUARD_ENDPOINTS=$endpoints ml-guard components -o raw" |
    awk -v since="$1" '$2 == "healthy" && $3 > since { n++ } END { exit n != 4 }'
}

gateway() {
  local out started
  out=$(interface_of 10.77.1.1)
  echo net.ipv4.ip_forward=1 >/etc/sysctl.d/ml-guard.conf
  sysctl -q -p /etc/sysctl.d/ml-guard.conf
  wait_until "a leader" on_cp1 "MLGUARD_ENDPOINTS=$endpoints ml-guard config list"
  started=$(on_cp1 date -u +%FT%TZ)
  component ml-detector
  component sniffer --iface "$out"
  component firewall --xdp "$out"
  component rag
  wait_until "each of ml-detector, sniffer, firewall and rag (healthy)" all_healthy "$started"
}

# Vagrant's own network stays the default route: only the lab's networks go through the gateway.
route() { ip route replace "$1" via "$2"; }

case $role in
  cp[123])
    install_programs
    control_plane "${role#cp}"
    ;;
  gateway)
    install_programs
    gateway
    ;;
  attacker)
    install_programs
    route 10.77.2.0/24 10.77.1.1
    for n in 67 68 69 70; do
      ip address replace 10.77.1.$n/24 dev "$(interface_of 10.77.1.66)"
    done
    ;;
  client)
    install_programs
    route 10.77.2.0/24 10.77.1.1
    ;;
  victim)
    install_programs
    route 10.77.1.0/24 10.77.2.1
    # Port 22 is the machine's own sshd.
    systemctl is-active --quiet ml-guard-victim ||
      systemd-run --quiet --collect --unit=ml-guard-victim --property=Restart=always \
        ml-guard-lab-traffic serve --ports 80,445
    ;;
  *)
    echo "error: there is no role $role" >&2
    exit 2
    ;;
esac
echo "$role is ready"
