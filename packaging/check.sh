#!/usr/bin/env bash
# What is installed beside the programs, as far as it can be checked without a machine to install it
# on: the systemd units, the Vagrantfile, the scripts. Installs Debian's vagrant and shellcheck (about
# 20 s), which nothing else needs: for .ci/run.
# Usage: packaging/check.sh BUILD_DIR
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(cd "${1:?usage: check.sh BUILD_DIR}/bin" && pwd)

if ! command -v vagrant >/dev/null || ! command -v shellcheck >/dev/null || ! command -v ssh-keygen >/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    vagrant shellcheck openssh-client >/dev/null
fi

shellcheck packaging/*.sh packaging/vagrant/*.sh
shellcheck -s bash cli/lab/lab.sh
echo "scripts: clean"

# systemd looks for programs where they are installed; here they are not. It exits with 0 for keys
# that it does not know, but says so.
units=$(mktemp -d)
trap 'rm -rf "$units"' EXIT
for unit in packaging/systemd/*.service; do
  sed "s|^ExecStart=|ExecStart=$bin/|" "$unit" >"$units/$(basename "$unit")"
  grep -q '^Restart=always$' "$unit" || { echo "$unit: has no Restart=always" >&2; exit 1; }
done
said=$(systemd-analyze verify --man=no "$units"/*.service 2>&1) || true
[ -z "$said" ] || { echo "$said" >&2; exit 1; }
echo "systemd units: clean"

# It wants a folder for itself, and would take the user's.
VAGRANT_HOME=$units/vagrant vagrant validate --ignore-provider >"$units/said" || { cat "$units/said" >&2; exit 1; }
echo "Vagrantfile: valid"
