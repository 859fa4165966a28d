#!/usr/bin/env bash
# Real clients of Loki's, Jaeger's and Prometheus' APIs against the real binary: what no request of our own can show.
#
#   tests/grafana-clients/run.sh [pytest arguments]
#
# Needs Go, Python and their registries. Clients are built once for each set of versions, at low priority, into
# target/grafana-clients. SPANDREL_BINARY names another binary than target/debug/spandrel, which is built without it.
set -euo pipefail

# The versions, in one place; `clients.txt` is what they are kept by.
LOKI=v3.7.8          # logcli, loki-canary
JAEGER_IDL=v0.14.0   # the definitions of jaeger.api_v3

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
place="${CARGO_TARGET_DIR:-$root/target}/grafana-clients"
bin="$place/bin"
mkdir -p "$bin"

# The modules' own replacements, which a module that needs them has to repeat; those of folders are left out.
replacements() {
  sed -n 's/^replace //p' "$1/go.mod" | grep -v '=> \./' | sed 's/^/replace /' || true
}

build_loki() {
  local work="$place/loki" source
  rm -rf "$work" && mkdir -p "$work"
  source=$(cd "$work" && go mod init clients >/dev/null 2>&1 \
    && go mod download -json "github.com/grafana/loki/v3@$LOKI" | python3 -c 'import json,sys; print(json.load(sys.stdin)["Dir"])')
  {
    printf 'module clients\n\n'
    sed -n 's/^go /go /p' "$source/go.mod"
    printf '\nrequire github.com/grafana/loki/v3 %s\n\n' "$LOKI"
    replacements "$source"
  } >"$work/go.mod"
  (cd "$work" && GOFLAGS=-mod=mod nice go build -p 1 -o "$bin/" \
    github.com/grafana/loki/v3/cmd/logcli github.com/grafana/loki/v3/cmd/loki-canary)
}

# Jaeger's definitions, which the test compiles with protoc as any client does.
fetch_jaeger() {
  local work="$place/jaeger" source
  rm -rf "$work" && mkdir -p "$work"
  source=$(cd "$work" && go mod init definitions >/dev/null 2>&1 \
    && go mod download -json "github.com/jaegertracing/jaeger-idl@$JAEGER_IDL" | python3 -c 'import json,sys; print(json.load(sys.stdin)["Dir"])')
  cp -r "$source/proto" "$work/proto" && chmod -R u+w "$work/proto"
}

wanted=$(printf 'loki %s\njaeger-idl %s' "$LOKI" "$JAEGER_IDL")
if [ "$(cat "$place/clients.txt" 2>/dev/null)" != "$wanted" ]; then
  rm -f "$place/clients.txt"
  build_loki
  fetch_jaeger
  printf '%s\n' "$wanted" >"$place/clients.txt"
fi

if [ ! -e "$place/venv/installed" ] || [ "$here/requirements.txt" -nt "$place/venv/installed" ]; then
  rm -rf "$place/venv" && python3 -m venv "$place/venv"
  "$place/venv/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
  touch "$place/venv/installed"
fi

if [ -z "${SPANDREL_BINARY:-}" ]; then
  (cd "$root" && cargo build --quiet --bin spandrel)
  export SPANDREL_BINARY="${CARGO_TARGET_DIR:-$root/target}/debug/spandrel"
fi

export CLIENTS="$bin" JAEGER_PROTO="$place/jaeger/proto"
cd "$here"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/tests/clients" exec "$place/venv/bin/pytest" -p no:cacheprovider "$@"
