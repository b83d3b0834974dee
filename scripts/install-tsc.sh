#!/bin/sh
# Installs the TypeScript compiler that `./just compare` compares ours with into .tools/tsc/, with npm, as
# crates/transpiler/tests/compare/tool/package-lock.json pins it, unless it is there already. Install scripts do not run.
# Needs no root.
set -eu

cd "$(dirname "$(readlink -f "$0")")/.."
PATH=$PWD/.tools/node/bin:$PATH

source=crates/transpiler/tests/compare/tool
destination=.tools/tsc

say() { echo "setup: $*" >&2; }

# It takes its place by a rename, so it is complete where it is.
if cmp -s $source/package-lock.json $destination/package-lock.json; then exit 0; fi

command -v npm >/dev/null 2>&1 || {
    say "npm is not on PATH; install it (Debian: apt-get install npm) and try again"
    exit 1
}
say "installing the TypeScript compiler of the comparison into $destination/ (with npm)"
mkdir -p .tools
work=$(mktemp -d "$PWD/.tools/tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$work/tsc"
cp $source/package.json $source/package-lock.json "$work/tsc"
(cd "$work/tsc" && npm ci --silent --ignore-scripts --no-audit --no-fund --cache "$work/cache") || {
    say "npm could not install the packages that $source/package.json names"
    exit 1
}
rm -rf $destination
mv "$work/tsc" $destination
