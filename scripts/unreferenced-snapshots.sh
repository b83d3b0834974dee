#!/bin/sh
# Fails if there is a snapshot that no test has asked for.
#
# Usage: unreferenced-snapshots.sh REFERENCES
#   REFERENCES   what insta wrote to INSTA_SNAPSHOT_REFERENCES_FILE during a run of all tests
set -eu

references=$(readlink -f "$1")
cd "$(dirname "$(readlink -f "$0")")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# insta names a snapshot by way of the test's folder, and leaves its `..` in.
xargs -r -d '\n' readlink -f <"$references" | sort -u >"$work/asked-for"
find "$PWD/crates" "$PWD/bins" \( -name target -o -name node_modules \) -prune -o -name '*.snap' -print | sort >"$work/there"

unreferenced=$(comm -13 "$work/asked-for" "$work/there")
if [ -n "$unreferenced" ]; then
    echo "snapshots that no test asks for; delete them:" >&2
    echo "$unreferenced" >&2
    exit 1
fi
