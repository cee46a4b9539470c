#!/usr/bin/env bash
# Records office.pcap anew: a client that means no harm, a port scan and guessed passwords, all of
# ml-guard-lab-traffic, between two network namespaces of this machine. Nothing else is in it.
# Needs root and tcpdump. Usage: data/captures/record.sh BUILD_DIR FILE
set -euo pipefail

traffic=$(cd "${1:?usage: record.sh BUILD_DIR FILE}" && pwd)/bin/ml-guard-lab-traffic
file=${2:?usage: record.sh BUILD_DIR FILE}
victim=10.77.2.80
here=mlgrec-here-$$
there=mlgrec-there-$$
# Headers are all that features are made of (docs/features.md).
captured_bytes=96

pids=()
clean_up() {
  # Also after a start that failed half way: what is not there need not go.
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  wait
  ip netns del "$here" 2>/dev/null || true
  ip netns del "$there" 2>/dev/null || true
}
trap clean_up EXIT

ip netns add "$here"
ip netns add "$there"
ip link add eth0 netns "$here" type veth peer name eth0 netns "$there"
for n in 20 66 68; do ip -n "$here" address add "10.77.1.$n/16" dev eth0; done
ip -n "$there" address add "$victim/16" dev eth0
# No IPv6: its router solicitations are this machine's, not the story's.
for ns in "$here" "$there"; do
  ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  ip -n "$ns" link set lo up
  ip -n "$ns" link set eth0 up
done
# A kernel without these offloads has none to switch off.
ip netns exec "$there" ethtool -K eth0 tso off gso off gro off >/dev/null 2>&1 || true

ip netns exec "$there" "$traffic" serve &
pids+=($!)
ip netns exec "$there" tcpdump -q -Z root -i eth0 -s $captured_bytes -U --immediate-mode -w "$file" &
pids+=($!)
sleep 1

play() { ip netns exec "$here" "$traffic" "$@"; }
play browse $victim --from 10.77.1.20 --rate 0.3 --count 6 &
client=$!
sleep 4
play port-scan $victim --from 10.77.1.66 --rate 100 --count 150
sleep 2
play brute-force $victim --from 10.77.1.68 --rate 2.5 --count 20
wait $client
sleep 1
