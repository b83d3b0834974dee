#!/bin/sh
# Finds llvm-cov and llvm-profdata of the LLVM that rustc is built with: others cannot read what its programs write.
# rustup has them (rustup component add llvm-tools), or Debian.
#
# Usage: llvm-tools.sh directory|package
#   directory  prints where they are; fails if they are not there
#   package    prints the Debian package that has them
set -eu

version=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
[ "$1" = directory ] || { echo "llvm-$version"; exit; }
for directory in "$(rustc --print sysroot)"/lib/rustlib/*/bin "/usr/lib/llvm-$version/bin"; do
    if [ -x "$directory/llvm-cov" ] && [ -x "$directory/llvm-profdata" ]; then
        echo "$directory"
        exit
    fi
done
echo "llvm-cov and llvm-profdata of LLVM $version are missing: rustup component add llvm-tools" >&2
exit 1
