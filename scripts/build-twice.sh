#!/bin/sh
# Builds the server twice, in the development profile, and fails if the second build compiles anything. Cargo chooses
# features and finds out what has changed in the same way for a release.
set -eu
just=$1

"$just" build dev
second=$(CARGO_TERM_VERBOSE=true "$just" build dev 2>&1) || {
    printf '%s\n' "$second" >&2
    exit 1
}
if printf '%s\n' "$second" | grep -E '^ *(Compiling|Dirty)' >&2; then
    echo "The second build compiled again what had not changed." >&2
    exit 1
fi
echo "The second build compiled nothing."
