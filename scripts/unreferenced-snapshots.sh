#!/bin/sh
# Fails if a committed snapshot is one that no test has asked for.
#
# Usage: unreferenced-snapshots.sh REFERENCES
#   REFERENCES   what insta wrote to INSTA_SNAPSHOT_REFERENCES_FILE during a run of all tests
set -eu

cd "$(dirname "$(readlink -f "$0")")/.."

unreferenced=$(
    find "$PWD/crates" "$PWD/bins" -name target -prune -o -name node_modules -prune -o -name '*.snap' -print |
        while read -r snapshot; do
            # insta names a snapshot by way of the test's folder, with its `..` left in.
            grep -qxF "$snapshot" "$1" || echo "$snapshot"
        done
)
[ -z "$unreferenced" ] || {
    echo "snapshots that no test asks for (delete them):" >&2
    echo "$unreferenced" >&2
    exit 1
}
