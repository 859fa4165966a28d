#!/usr/bin/env bash
# Runs the real nginx and Apache, asks each for a page that is there, one that is not and one that cannot be had, and
# writes their logs to servers/NAME.log. Needs Debian's packages nginx and apache2-bin, installed or, with
# SERVERS_ROOT, unpacked into a folder (`apt-get download nginx apache2-bin libaprutil1 libapr1; dpkg -x …`), and curl.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${SERVERS_ROOT:-}
export TZ=UTC LANG=C.UTF-8 LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu
work=$(mktemp -d)
trap 'kill $(cat "$work"/*.pid 2>/dev/null) 2>/dev/null || true; rm -rf "$work"' EXIT
# The servers' workers are somebody else.
chmod 755 "$work"
mkdir -p "$work/www" "$here/servers"
echo ok >"$work/www/orders"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

cat >"$work/nginx.conf" <<CONF
pid $work/nginx.pid;
error_log $work/nginx_error.log info;
events {}
http {
  client_body_temp_path $work/a; proxy_temp_path $work/b; fastcgi_temp_path $work/c; uwsgi_temp_path $work/d; scgi_temp_path $work/e;
  log_format json escape=json '{"time":"\$time_iso8601","request":"\$request","status":\$status,"traceparent":"\$http_traceparent"}';
  access_log $work/nginx_combined.log combined;
  access_log $work/nginx_json.log json;
  server {
    listen 127.0.0.1:$port;
    root $work/www;
    location /down { proxy_pass http://127.0.0.1:1; }
  }
}
CONF
cat >"$work/apache.conf" <<CONF
ServerRoot $work
ServerName localhost
PidFile $work/apache.pid
Listen 127.0.0.1:$port
DocumentRoot $work/www
LogLevel info
LoadModule mpm_event_module $root/usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module $root/usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module $root/usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module $root/usr/lib/apache2/modules/mod_proxy_http.so
ProxyPass /down http://127.0.0.1:1/
ErrorLog $work/apache_error.log
LogFormat "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\"" combined
LogFormat "%h %l %u %t \"%r\" %>s %b" common
CustomLog $work/apache_combined.log combined
CustomLog $work/apache_common.log common
CONF

ask() {
  for _ in $(seq 50); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.1; done
  for path in '/orders?id=4711' /missing /down; do
    curl -s -o /dev/null -A 'shop/1.0' -H 'referer: https://shop.example/' \
      -H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' "http://127.0.0.1:$port$path"
  done
}
# Neither the machine's paths nor its ports are a part of a record.
keep() { sed -e "s#$work#/srv#g" -e "s#127.0.0.1:$port#127.0.0.1:8080#g" "$work/$1.log" | grep -E "$2" >"$here/servers/$1.log"; }

"$root/usr/sbin/nginx" -c "$work/nginx.conf" -e "$work/nginx_error.log"
ask
kill "$(cat "$work/nginx.pid")"
while [ -e "$work/nginx.pid" ]; do sleep 0.1; done
"$root/usr/sbin/apache2" -f "$work/apache.conf"
ask
kill "$(cat "$work/apache.pid")"
while [ -e "$work/apache.pid" ]; do sleep 0.1; done

keep nginx_combined 'shop/1.0'
keep nginx_json 4bf92f3577b34da6
keep nginx_error '\[error\]'
keep apache_combined 'shop/1.0'
keep apache_common '(orders|missing|down)'
keep apache_error '\[(proxy|mpm_event)'
wc -l "$here"/servers/*.log
