#!/bin/sh
# Checks that this machine has what the project needs, and installs what is missing: tools into
# .tools/ (any user), Debian packages with apt-get (root, or sudo without a password).
# Goes through everything before it fails, so that one run names all that is missing.
#
# Usage: setup.sh run|test|lint|bench|fuzz|coverage...
#   run     to build and run the server: Rust, a C compiler, Node.js, npm; sudo for containers, if root
#   test    to test it: cargo-nextest, the Postgres server, PgBouncer, a browser, curl, jq, the clients of the Vercel
#           Sandbox API, the packages that tests bundle, the TypeScript compiler; nginx, haproxy and Caddy where they
#           can be had
#   lint    to check it: cargo-deny, cargo-shear, Biome and the TypeScript compiler
#   bench   to measure it: bubblewrap, hyperfine, wrk, and the peers that npm has
#   fuzz    to fuzz its parsers: cargo-fuzz, a C++ compiler, Rust's nightly toolchain
#   coverage  to see what its tests run: cargo-llvm-cov, and the LLVM tools of the compiler's version
set -eu

cd "$(dirname "$(readlink -f "$0")")/.."
PATH=$PWD/.tools/bin:$PATH:${CARGO_HOME:-${HOME:-/nonexistent}/.cargo}/bin:/usr/sbin

missing=0
packages=
clients=
bundled=
console=
tsc=
proxies=

say() { echo "setup: $*" >&2; }
lacks() { say "$*"; missing=$((missing + 1)); }
has() { command -v "$1" >/dev/null 2>&1; }

# Notes the Debian package `$1` for installation, unless the rest of the arguments, a command, succeeds.
wants() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || packages="$packages $package"
}

compiles_c() { echo '#include <stdlib.h>' | cc -x c -fsyntax-only -; }
compiles_cxx() { echo '#include <cstdlib>' | c++ -x c++ -fsyntax-only -; }
# CHROMIUM names another browser than Debian's.
has_chromium() { [ -n "${CHROMIUM:-}" ] || has chromium || has chromium-browser; }
has_postgres() { has initdb || ls /usr/lib/postgresql/*/bin/initdb; }

check_rust() {
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! has cargo || ! has rustc; then
        lacks "Rust is missing: install Rust $wanted or later, with rustup or from your distribution"
        return
    fi
    # rustup's cargo may be there with no toolchain behind it; it says so itself.
    if ! found=$(cargo --version && rustc --version >/dev/null); then
        lacks "cargo or rustc does not run (see above); Rust $wanted or later is needed"
        return
    fi
    found=${found#cargo }
    found=${found%% *}
    oldest=$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)
    if [ "$oldest" != "$wanted" ]; then
        lacks "Rust $found is too old: $wanted or later is needed (rustup update stable)"
    fi
}

# Cargo builds the web console with npm's packages and the Node.js that is installed here, unless
# WORKERS_CONSOLE_DIST names a folder with the built files.
check_npm() {
    if [ -n "${WORKERS_CONSOLE_DIST:-}" ] || has npm; then return; fi
    lacks "npm is missing: the web console is built with it (Debian: apt-get install npm); without it, set WORKERS_CONSOLE_DIST to a folder with the built files"
}

# Postgres for tests: its programs only. Its package would also make a database cluster and start
# it at every boot; this file prevents that for as long as the installation takes.
without_cluster=/etc/postgresql-common/createcluster.d/workers-platform.conf

install_packages() {
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif has sudo && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        as_root=no
    fi
    if [ "$as_root" = no ] || ! has apt-get; then
        lacks "missing Debian packages; as root: apt-get install$packages"
        return
    fi

    say "installing Debian packages:$packages"
    case $packages in
        *postgresql*)
            $as_root mkdir -p "${without_cluster%/*}"
            echo 'create_main_cluster = false' | $as_root tee "$without_cluster" >/dev/null
            ;;
    esac
    done=yes
    # shellcheck disable=SC2086 # a list of words each
    $as_root env DEBIAN_FRONTEND=noninteractive sh -c '
        apt-get update -q && apt-get install -q -y --no-install-recommends "$@"
    ' apt $packages </dev/null >&2 || done=no
    $as_root rm -f "$without_cluster"
    [ "$done" = yes ] || lacks "apt-get could not install:$packages"
}

for purpose in "$@"; do
    case $purpose in
        run)
            check_rust
            wants "gcc libc6-dev" compiles_c
            # Containers have this system's sudo in them, and need a server that is root.
            [ "$(id -u)" != 0 ] || wants sudo has sudo
            sh scripts/install-tool.sh node || missing=$((missing + 1))
            check_npm
            ;;
        test)
            has cargo-nextest || sh scripts/install-tool.sh cargo-nextest || missing=$((missing + 1))
            wants postgresql has_postgres
            wants pgbouncer has pgbouncer
            wants chromium has_chromium
            wants python3-pip python3 -m pip --version
            # Examples of the pages use them.
            wants curl has curl
            wants jq has jq
            clients=yes
            bundled=yes
            console=yes
            tsc=yes
            proxies=yes
            ;;
        lint)
            for tool in cargo-deny cargo-shear; do
                has $tool || sh scripts/install-tool.sh $tool || missing=$((missing + 1))
            done
            # Releases of it differ in what they find, so only the pinned one will do.
            sh scripts/install-tool.sh biome || missing=$((missing + 1))
            console=yes
            ;;
        bench)
            wants bubblewrap has bwrap
            wants hyperfine has hyperfine
            wants wrk has wrk
            sh scripts/install-peers.sh || missing=$((missing + 1))
            ;;
        fuzz)
            has cargo-fuzz || sh scripts/install-tool.sh cargo-fuzz || missing=$((missing + 1))
            wants "g++" compiles_cxx
            cargo +nightly --version >/dev/null 2>&1 ||
                lacks "Rust's nightly toolchain is missing: rustup toolchain install nightly --profile minimal"
            ;;
        coverage)
            has cargo-llvm-cov || sh scripts/install-tool.sh cargo-llvm-cov || missing=$((missing + 1))
            wants "$(sh scripts/llvm-tools.sh package)" sh scripts/llvm-tools.sh directory
            ;;
        *)
            say "unknown purpose: $purpose"
            exit 2
            ;;
    esac
done

[ -z "$packages" ] || install_packages
# With what a package may just have brought.
[ -z "$console" ] || sh scripts/install-console-packages.sh || missing=$((missing + 1))
[ -z "$clients" ] || sh scripts/install-vercel-clients.sh || missing=$((missing + 1))
locked() { sh scripts/install-locked-packages.sh "$@" || missing=$((missing + 1)); }
[ -z "$bundled" ] || locked crates/transpiler/tests/packages packages "the packages that tests bundle"
[ -z "$tsc" ] || locked crates/transpiler/tests/compare/tool tsc "the TypeScript compiler of the comparison"
[ -z "$proxies" ] || sh scripts/install-proxies.sh
[ "$missing" = 0 ] || exit 1
