#!/usr/bin/env bash
# Runs the real loggers and writes what they print to output/NAME.log, and to output/times.json between which
# moments (nanoseconds since the epoch) each of them ran. Needs Node, Python 3, Go, Java 17 with Maven, Rust, Ruby and
# PHP with php-monolog (Debian packages), and their registries. Packages go to target/loggers, nothing is installed
# into the system.
#
#   tests/loggers/regenerate.sh [NAME...]     without names: all
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
built="${CARGO_TARGET_DIR:-$here/../../target}/loggers"
mkdir -p "$built" "$here/output"
export TZ=UTC LANG=C.UTF-8

prepare() {
  mkdir -p "$built/node"
  cp "$here"/node/{package.json,package-lock.json,emit.js} "$built/node/"
  (cd "$built/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  [ -x "$built/venv/bin/python" ] || python3 -m venv "$built/venv"
  "$built/venv/bin/pip" install --quiet --requirement "$here/python/requirements.txt"
  (cd "$here/go" && go build -o "$built/go" .)
  (cd "$here/java" && mvn -q -B -DbuildDirectory="$built/java" package dependency:copy-dependencies \
    -DoutputDirectory="$built/java/lib")
  (cd "$here/rust" && CARGO_TARGET_DIR="$built/rust" cargo build --quiet --locked)
}

node_() { (cd "$built/node" && node emit.js "$1"); }
python_() { (cd "$here/python" && PYTHONDONTWRITEBYTECODE=1 "$built/venv/bin/python" emit.py "$1"); }
go_() { (cd "$here/go" && "$built/go" "$1"); }
java_() { java -Dfile.encoding=UTF-8 -cp "$built/java/classes:$built/java/lib/*" shop.Emit "$1"; }
rust_() { (cd "$here/rust" && RUST_BACKTRACE=1 "$built/rust/debug/loggers" "$1"); }
ruby_() { (cd "$here" && ruby ruby/emit.rb "$1"); }
php_() { (cd "$here" && php php/emit.php "$1"); }

# NAME LANGUAGE, in the order of the files; without those that were written by their documentation.
list() {
  jq -r '.loggers | to_entries[] | select(.value.documented | not) | "\(.key) \(.value.language)"' \
    "$here/expected.json"
}

# The machine's paths are no part of a record.
neutral() {
  local real
  real=$(realpath "$built")
  sed -e "s#$real/node/#/app/#g" -e "s#$built/node/#/app/#g" -e "s#$real/#/app/#g" -e "s#$here/#/app/#g"
}

prepare
[ -e "$here/output/times.json" ] || echo '{}' >"$here/output/times.json"
list | while read -r name language; do
  if [ $# -gt 0 ] && ! printf '%s\n' "$@" | grep -qx "$name"; then continue; fi
  from=$(date +%s%N)
  # What fails on purpose ends with a status of its own.
  { "${language}_" "$name" 2>&1 || true; } </dev/null | neutral >"$here/output/$name.log"
  to=$(date +%s%N)
  jq --arg name "$name" --argjson from "$from" --argjson to "$to" '.[$name] = [$from, $to]' \
    "$here/output/times.json" >"$here/output/times.json.new"
  mv "$here/output/times.json.new" "$here/output/times.json"
  echo "$name: $(wc -l <"$here/output/$name.log") lines"
done
