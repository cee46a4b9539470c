#!/usr/bin/env bash
# The Vagrantfile's machines without a hypervisor: each a Debian 12 with systemd as its process 1, in
# a systemd-nspawn container with an overlay of one root and the Vagrantfile's networks and addresses,
# provisioned by provision.sh as `vagrant up` does. For trying units and provisioning, not for CI: the
# first `up` installs debootstrap and systemd-container and makes a root of 1.7 GB (six minutes, when the machine has nothing else to do).
#
# Usage: packaging/vagrant/try-in-containers.sh [up|prove|down|exec MACHINE COMMAND ...]
#   up     makes, boots and provisions all machines
#   prove  attacks, kills every unit, reboots cp1 and the gateway, powers the leader's machine off;
#          says what it saw, and ends with the first thing that is not as it should be
#   down   takes everything away: machines, networks, mounts, files
#   Without a word: up, prove, down. `down` comes also when one of the others failed.
# Environment: MLGUARD_MACHINES_DIR (default /var/tmp/ml-guard-machines), MLGUARD_MACHINES_KEEP=yes
#   (`down` leaves the Debian root there, for the next `up`).
#
# Needs root, Debian 12, this tree built (`cmake --preset release`, `cmake --build build`: the machines
# take its build folder and find it up to date), and a host on which systemd is not process 1: with
# systemd there, cgroups are its own to give, which is not tried here.
set -euo pipefail

tree=$(cd "$(dirname "$0")/../.." && pwd -P)
work=${MLGUARD_MACHINES_DIR:-/var/tmp/ml-guard-machines}
base=$work/base
prefix=mlgm
networks=(mgmt out in)
programs=(etcd-server ml-guard sniffer ml-detector firewall rag ml-guard-lab-traffic)
patience_s=180

fail() {
  echo "error: $1" >&2
  exit 1
}

wait_until() {  # what, command ...
  local what=$1 deadline=$((SECONDS + patience_s))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || fail "not within $patience_s s: $what"
    sleep 0.5
  done
}

# "NAME NETWORK ADDRESS NETWORK ADDRESS ...", a line a machine, in the Vagrantfile's order.
machines() {
  sed -n '/^MACHINES = {/,/^}/s/^  "\([a-z0-9]*\)" => { \(.*\) },$/\1 \2/p' "$tree/Vagrantfile" |
    tr -d '">=,'
}

names() { machines | cut -d' ' -f1; }

# ---- a root to boot from

make_base() {
  local ssh_key=$work/lab-key
  mkdir -p "$work"
  [ -e "$ssh_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$ssh_key"
  [ ! -e "$base/.complete" ] || return 0
  if ! command -v debootstrap >/dev/null || ! command -v systemd-nspawn >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      debootstrap systemd-container >/dev/null
  fi
  rm -rf "$base"
  echo "making a Debian 12 in $base ..."
  debootstrap --variant=minbase bookworm "$base" http://deb.debian.org/debian >"$work/base.log"
  in_base apt-get install -y -qq --no-install-recommends systemd systemd-sysv dbus sudo \
    openssh-server ifupdown iproute2 procps kmod ca-certificates curl less >>"$work/base.log" 2>&1
  # Here, and not in each machine, so that the packages come once over the network.
  in_base /vagrant/cmake/install-deps.sh >>"$work/base.log" 2>&1
  touch "$base/.complete"
}

# A command in the root while it is no machine yet, on the host's network.
in_base() {
  mkdir -p "$base/vagrant"
  systemd-nspawn --quiet --register=no --keep-unit --pipe --directory="$base" \
    --bind-ro="$tree:/vagrant" --resolv-conf=copy-host --setenv=DEBIAN_FRONTEND=noninteractive "$@"
}

# What a machine has of its own before it boots first: name, networks, user, tree. As in the box.
furnish() {  # name, network, address, ...
  local name=$1 root=$work/$1/root n=0 interfaces
  shift
  interfaces=$root/etc/network/interfaces
  echo "$name" >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$root/etc/hosts"
  printf 'auto lo\niface lo inet loopback\n' >"$interfaces"
  while [ $# -gt 0 ]; do
    n=$((n + 1))
    printf 'auto eth%d\niface eth%d inet static\n  address %s/24\n' $n $n "$2" >>"$interfaces"
    shift 2
  done
  rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/machine-id"
  ssh-keygen -q -A -f "$root"
  systemd-id128 new >"$root/etc/machine-id"
  rm -rf "$root/vagrant"
  ln -s "$tree" "$root/vagrant"
  install -D -m 644 "$work/lab-key" "$root/home/vagrant/lab-key"
  # On a real machine process 1 does it; in a container it may not.
  cat >"$root/etc/systemd/system/container-bpf.service" <<'TEXT'
[Unit]
DefaultDependencies=no
Before=local-fs.target
[Service]
Type=oneshot
ExecStart=mount -t bpf -o mode=700 bpf /sys/fs/bpf
[Install]
WantedBy=local-fs.target
TEXT
  systemctl --quiet --root="$root" enable container-bpf.service
}

# ---- machines

# The same at each boot: others remember it.
hardware_address() {  # IPv4 address
  local bytes
  IFS=. read -ra bytes <<<"$1"
  printf '02:00:%02x:%02x:%02x:%02x' "${bytes[@]}"
}

# Made anew for each boot: a real machine has lost its addresses and attachments then, too. At the
# first boot there is nothing to delete.
plug_in() {  # name, network, address, ...
  local name=$1 n=0
  shift
  ip netns delete "$prefix-$name" 2>/dev/null || true
  ip netns add "$prefix-$name"
  while [ $# -gt 0 ]; do
    n=$((n + 1))
    # The cable of a machine's last boot would go with its namespace, but that may take minutes.
    ip -n "$prefix-net" link delete "$name-$1" 2>/dev/null || true
    ip link add "eth$n" netns "$prefix-$name" address "$(hardware_address "$2")" type veth \
      peer name "$name-$1" netns "$prefix-net"
    ip -n "$prefix-net" link set "$name-$1" master "$1" up
    shift 2
  done
}

cgroup_roots() {
  if [ -e /sys/fs/cgroup/cgroup.procs ]; then echo /sys/fs/cgroup; else echo /sys/fs/cgroup/{systemd,unified}; fi
}

# A machine's power supply: boots it again when it ends to be rebooted (133), until it is off.
run_machine() {  # name, network, address, ...
  local name=$1 code=133 root
  for root in $(cgroup_roots); do
    mkdir -p "$root/$prefix-$name"
    echo $BASHPID >"$root/$prefix-$name/cgroup.procs"
  done
  while [ $code -eq 133 ]; do
    plug_in "$@"
    code=0
    SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes systemd-nspawn --quiet --register=no --keep-unit --boot \
      --directory="$work/$name/root" --machine="$name" --console=pipe \
      --bind="$tree" --capability=all --system-call-filter='bpf perf_event_open' \
      --network-namespace-path="/run/netns/$prefix-$name" || code=$?
  done
}

# Process 1 of a machine, as the host numbers it; nothing when it is off.
leader_of() {
  local nspawn
  nspawn=$(pgrep -f "^systemd-nspawn .*--directory=$work/$1/root ") || return 1
  pgrep -P "$nspawn"
}

in_machine() {  # name, command ...
  local pid
  pid=$(leader_of "$1") || { echo "$1 is off" >&2; return 1; }
  shift
  nsenter --target "$pid" --mount --uts --ipc --net --pid -- env -i HOME=/root USER=root LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

is_booted() { [[ $(in_machine "$1" systemctl is-system-running) =~ running|degraded ]]; }

boot() {  # name, network, address, ...
  local name=$1 folder=$work/$1
  mkdir -p "$folder"/{upper,work,root}
  if ! mountpoint -q "$folder/root"; then
    mount -t overlay "$prefix-$name" "$folder/root" \
      -o "lowerdir=$base,upperdir=$folder/upper,workdir=$folder/work"
    furnish "$@"
  fi
  setsid "$tree/packaging/vagrant/try-in-containers.sh" run-machine "$@" >>"$folder/console.log" 2>&1 </dev/null &
}

make_networks() {
  local network
  ip netns add "$prefix-net"
  for network in "${networks[@]}"; do
    ip -n "$prefix-net" link add "$network" type bridge
    ip -n "$prefix-net" link set "$network" up
  done
}

# With the words of the Vagrantfile.
provision() {  # name
  local inline
  inline=$(sed -n "s/^ *inline: '\(.*\)'\$/\1/p" "$tree/Vagrantfile")
  [ -n "$inline" ] || fail "the Vagrantfile's inline command is not where it was"
  in_machine "$1" env MLGUARD_BUILD_DIR="$tree/build" bash -c "$inline" vagrant-shell "$1" \
    /home/vagrant/lab-key >"$work/$1/provision.log" 2>&1 ||
    { tail -n 20 "$work/$1/provision.log" >&2; fail "$1 was not provisioned"; }
  tail -n 1 "$work/$1/provision.log"
}

up() {
  local name line
  [ ! -d /run/systemd/system ] || fail "systemd is process 1 here; see the head of this script"
  [ ! -e "/run/netns/$prefix-net" ] || fail "they are up already; take them away with: $0 down"
  for name in "${programs[@]}"; do
    [ -x "$tree/build/bin/$name" ] || fail "there is no build/bin/$name: build this tree first"
  done
  make_base
  make_networks
  echo "booting $(names | tr '\n' ' ')..."
  # Words of a line are arguments of their own.
  # shellcheck disable=SC2086
  while read -r line; do boot $line; done < <(machines)
  for name in $(names); do wait_until "$name is booted" is_booted "$name"; done
  for name in $(names); do provision "$name"; done
}

# Also after an `up` that failed half way: what is not there need not go.
down() {
  local name root pid
  for name in $(names); do
    if pid=$(leader_of "$name"); then in_machine "$name" systemctl poweroff --no-block || kill "$pid"; fi
  done
  for name in $(names); do
    wait_until "$name is off" is_off "$name"
    while mountpoint -q "$work/$name/root"; do umount "$work/$name/root" || sleep 0.5; done
    rm -rf "${work:?}/$name"
    ip netns delete "$prefix-$name" 2>/dev/null || true
    # The deepest first; only what is empty can be removed.
    for root in $(cgroup_roots); do
      [ ! -e "$root/$prefix-$name" ] || find "$root/$prefix-$name" -depth -type d -exec rmdir {} +
    done
  done
  ip netns delete "$prefix-net" 2>/dev/null || true
  # What in_base leaves; one that is in use is not empty, and stays.
  for root in $(cgroup_roots); do rmdir "$root"/payload "$root"/supervisor 2>/dev/null || true; done
  [ -n "${MLGUARD_MACHINES_KEEP:-}" ] || rm -rf "${work:?}"
}

is_off() { ! pgrep -f "^systemd-nspawn .*--directory=$work/$1/root " >/dev/null; }

# shellcheck source-path=SCRIPTDIR source=try-in-containers-prove.sh
. "$tree/packaging/vagrant/try-in-containers-prove.sh"

case ${1:-all} in
  up | prove | down) "$1" ;;
  all)
    trap 'exit 1' INT TERM HUP
    trap down EXIT
    up
    prove
    ;;
  exec)
    shift
    in_machine "$@"
    ;;
  run-machine)
    shift
    run_machine "$@"
    exit
    ;;
  *) fail "there is no $1; see the head of this script" ;;
esac
