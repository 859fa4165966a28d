#!/usr/bin/env bash
# Runs the client suite: real OpenTelemetry SDKs, real services and hand-made requests against the real binary.
#
#   tests/clients/run.sh [pytest arguments]
#
# Python packages go to target/clients/venv, Node packages to tests/clients/node/node_modules; both are left alone
# while their lock file is unchanged. SPANDREL_BINARY names another binary than target/debug/spandrel; without it
# that one is built first.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
installed="${CARGO_TARGET_DIR:-$root/target}/clients"
venv="$installed/venv"
mkdir -p "$installed"

# install_once NAME LOCK-FILE PRODUCT COMMAND...: runs the command unless the lock is as it was and the product there.
install_once() {
  local stamp="$installed/$1.installed" lock=$2 product=$3 hash
  shift 3
  hash=$(sha256sum <"$lock")
  if [ -e "$product" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then return; fi
  rm -f "$stamp"
  "$@"
  printf '%s\n' "$hash" >"$stamp"
}

install_python() {
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
}

install_node() {
  (cd "$here/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
}

install_once python "$here/requirements.txt" "$venv/bin/pytest" install_python
install_once node "$here/node/package-lock.json" "$here/node/node_modules" install_node

if [ -z "${SPANDREL_BINARY:-}" ]; then
  (cd "$root" && cargo build --quiet --bin spandrel)
  export SPANDREL_BINARY="${CARGO_TARGET_DIR:-$root/target}/debug/spandrel"
fi

cd "$here"
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/pytest" "$@"
