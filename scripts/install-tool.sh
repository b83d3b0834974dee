#!/bin/sh
# Installs one tool of tools.txt into .tools/, unless that version is there already.
# Needs no root. Two at once do not harm each other: each works in a folder of its own, and the
# finished file takes its place by a rename.
#
# Usage: install-tool.sh TOOL
set -eu

cd "$(dirname "$(readlink -f "$0")")/.."

tool=$1
table=scripts/tools.txt
PATH=$PATH:${CARGO_HOME:-${HOME:-/nonexistent}/.cargo}/bin

case $tool in
    node) destination=.tools/node/bin/node ;;
    *) destination=.tools/bin/$tool ;;
esac

case $(uname -s)-$(uname -m) in
    Linux-x86_64) machine=x64 ;;
    Linux-aarch64) machine=arm64 ;;
    *) machine=other ;;
esac

say() { echo "setup: $*" >&2; }

# Whether the file `$1` runs and says that it is version `$2`.
is_version() {
    [ -x "$1" ] || return 1
    # This one says it only as a subcommand of Cargo.
    case $1 in
        */cargo-llvm-cov) subcommand=llvm-cov ;;
        *) subcommand= ;;
    esac
    case " $("$1" $subcommand --version 2>/dev/null | head -n 1) " in
        *" $2 "* | *" v$2 "*) return 0 ;;
        *) return 1 ;;
    esac
}

has() { command -v "$1" >/dev/null 2>&1; }

# Gets the package `$2` `$3` with the client `$1` into the current folder, and unpacks it there.
# Clients put their caches here too: an unprivileged user may have no home to keep them in.
get() {
    case $1 in
        npm)
            has npm || { say "npm is not on PATH"; return 1; }
            npm pack --silent --cache ./cache --pack-destination . "$2@$3" >/dev/null || return 1
            echo "$5  $(ls ./*.tgz)" | sha256sum --check --status || { say "$2@$3: wrong SHA-256 sum"; return 1; }
            tar -xzf ./*.tgz "$4"
            ;;
        pip)
            python3 -m pip --version >/dev/null 2>&1 || { say "no python3 with pip is on PATH"; return 1; }
            python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps \
                --only-binary :all: --dest . "$2==$3" >/dev/null || return 1
            echo "$5  $(ls ./*.whl)" | sha256sum --check --status || { say "$2==$3: wrong SHA-256 sum"; return 1; }
            python3 -m zipfile --extract ./*.whl . && chmod 755 "$4"
            ;;
        cargo)
            has cargo || { say "cargo is not on PATH"; return 1; }
            say "compiling $2 $3 from source, which takes minutes"
            cargo install --quiet --locked --root . --version "$3" "$2"
            ;;
    esac
}

# Each row in a subshell, so that a failure leaves nothing behind but the message.
try() (
    mkdir -p "$(dirname "$destination")" || exit 1
    work=$(mktemp -d "$PWD/.tools/tmp.XXXXXX") || exit 1
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    ( cd "$work" && get "$client" "$package" "$version" "$file" "$sum" ) || exit 1
    is_version "$work/$file" "$version" || { say "$package $version does not run on this machine"; exit 1; }
    mv -f "$work/$file" "$destination"
)

known=
while read -r name for client package version file sum; do
    [ "$name" = "$tool" ] || continue
    [ "$for" = "$machine" ] || [ "$for" = any ] || continue
    known=yes
    if is_version "$destination" "$version"; then exit 0; fi
    say "installing $tool $version into .tools/ (with $client)"
    if try </dev/null; then exit 0; fi
done <"$table"

[ -n "$known" ] || say "$table has no $tool for $(uname -s) $(uname -m)"
case $tool in
    node) say "could not install Node.js: it comes with npm, so install npm (Debian: apt-get install npm) and try again" ;;
    *) say "could not install $tool: one of npm, pip and cargo must be on PATH, and reach its packages" ;;
esac
exit 1
