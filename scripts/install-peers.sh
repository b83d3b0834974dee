#!/bin/sh
# Installs the peers of the benchmark into .tools/peers/, as bins/bench/peers/package-lock.json pins them: all that is
# needed is in the packages themselves.
set -eu

cd "$(dirname "$(readlink -f "$0")")/.."

sh scripts/install-locked-packages.sh bins/bench/peers peers "the benchmark's peers"
# npm passes over a program that it cannot get, as if it were for another machine.
if [ "$(uname -m)" = x86_64 ]; then
    for owner in @cloudflare @deno @oven; do
        [ -d ".tools/peers/node_modules/$owner" ] || {
            echo "setup: npm could not get the package of $owner" >&2
            rm -rf .tools/peers
            exit 1
        }
    done
fi
