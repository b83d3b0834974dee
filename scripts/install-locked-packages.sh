#!/bin/sh
# Installs npm packages below .tools/, as a package-lock.json pins them, unless they are there already. Install scripts
# do not run. Needs no root.
#
# Usage: install-locked-packages.sh SOURCE NAME WHAT
#   SOURCE  the directory with package.json and package-lock.json
#   NAME    the directory below .tools/ that they are installed into
#   WHAT    what they are, for messages
set -eu

cd "$(dirname "$(readlink -f "$0")")/.."
PATH=$PWD/.tools/node/bin:$PATH

source=$1
name=$2
what=$3
destination=.tools/$name

say() { echo "setup: $*" >&2; }

# It takes its place by a rename, so it is complete where it is.
if cmp -s "$source/package-lock.json" "$destination/package-lock.json"; then exit 0; fi

command -v npm >/dev/null 2>&1 || {
    say "npm is not on PATH; install it (Debian: apt-get install npm) and try again"
    exit 1
}
say "installing $what into $destination/ (with npm)"
mkdir -p .tools
work=$(mktemp -d "$PWD/.tools/tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$work/new"
cp "$source/package.json" "$source/package-lock.json" "$work/new"
(cd "$work/new" && npm ci --silent --ignore-scripts --no-audit --no-fund --cache "$work/cache") || {
    say "npm could not install what $source/package.json names"
    exit 1
}
rm -rf "$destination"
mv "$work/new" "$destination"
