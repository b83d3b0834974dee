#!/bin/sh
# Installs the peers of the benchmark into .tools/peers/, as bins/bench/peers/package-lock.json pins
# them, unless they are there already. Their install scripts do not run: all that is needed is in
# the packages themselves. Needs no root.
set -eu

cd "$(dirname "$(readlink -f "$0")")/.."

source=bins/bench/peers
destination=.tools/peers

say() { echo "setup: $*" >&2; }

# It takes its place by a rename, so it is complete where it is.
cmp -s $source/package-lock.json $destination/package-lock.json && exit 0

command -v npm >/dev/null 2>&1 || {
    say "npm is not on PATH; install it (Debian: apt-get install npm) and try again"
    exit 1
}
say "installing the benchmark's peers into $destination/ (with npm)"
mkdir -p .tools
work=$(mktemp -d "$PWD/.tools/tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$work/peers"
cp $source/package.json $source/package-lock.json "$work/peers"
(cd "$work/peers" && npm ci --silent --ignore-scripts --no-audit --no-fund --cache "$work/cache") || {
    say "npm could not install the peers that $source/package.json names"
    exit 1
}
# npm passes over a program that it cannot get, as if it were for another machine.
if [ "$(uname -m)" = x86_64 ]; then
    for owner in @cloudflare @deno @oven; do
        [ -d "$work/peers/node_modules/$owner" ] || { say "npm could not get the package of $owner"; exit 1; }
    done
fi
rm -rf $destination
mv "$work/peers" $destination
