#!/bin/sh
# Installs what the build, the tests and the lab need: Debian 12 packages, nothing else.
# Works as root and with sudo. Does nothing (and asks for nothing) when all is there already.
set -eu

packages='
build-essential cmake ninja-build ccache pkg-config git ca-certificates
clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev
libsqlitecpp-dev libsqlite3-dev libcpp-httplib-dev libsodium-dev liblz4-dev
libcli11-dev libedit-dev libgtest-dev libgmock-dev libevent-dev nlohmann-json3-dev libspdlog-dev
libssl-dev zlib1g-dev libbrotli-dev libpcap-dev libbpf-dev bpftool tcpreplay
protobuf-compiler libprotobuf-dev libnftables-dev nftables libzmq3-dev cppzmq-dev libxgboost-dev
sqlite3 jq curl iproute2 iputils-ping procps faketime
'

missing=''
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || echo absent)
  [ "$state" = 'ii ' ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

what_to_do() {
  echo "packages are missing that this user may not install; as root: apt-get install --no-install-recommends$missing" >&2
  exit 1
}

if [ "$(id -u)" -eq 0 ]; then
  as_root=''
# Asking for a password needs somebody who can type one.
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
  as_root='sudo'
else
  what_to_do
fi

echo "installing:$missing"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || what_to_do
# shellcheck disable=SC2086  # the list is meant to be split
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
  >/dev/null || what_to_do
