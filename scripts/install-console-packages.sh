#!/bin/sh
# Installs the packages that the console's tests and lints need beside those that it is built with, as
# crates/console/web/package-lock.json pins them, unless they are there already. Install scripts do not run.
# Needs no root.
set -eu

cd "$(dirname "$(readlink -f "$0")")/.."
PATH=$PWD/.tools/node/bin:$PATH

say() { echo "setup: $*" >&2; }

cd crates/console/web

# The same lock, and the same copy to know what is there by, as in crates/console/build/packages.rs.
exec 9<package-lock.json
flock 9
if cmp -s package-lock.json node_modules/.all.json; then exit 0; fi

command -v npm >/dev/null 2>&1 || {
    say "npm is not on PATH; install it (Debian: apt-get install npm) and try again"
    exit 1
}
say "installing the packages of the console's tests and lints into crates/console/web/node_modules (with npm)"
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
npm ci --silent --include=dev --ignore-scripts --no-audit --no-fund --cache "$cache" >&2 || {
    say "npm could not install the packages that crates/console/web/package.json names"
    exit 1
}
cp package-lock.json node_modules/.all.json
