#!/bin/sh
# Installs the proxies whose configurations are in docs/operations.md, for the tests: nginx, haproxy and Caddy, as far
# as they are missing. Only their programs, into .tools/: the Debian packages would also start each of them at every
# boot. What cannot be had is named, and the tests of that proxy are skipped.
#
# Usage: install-proxies.sh
set -eu

cd "$(dirname "$(readlink -f "$0")")/.."
PATH=$PWD/.tools/bin:$PATH:/usr/sbin

say() { echo "setup: $*" >&2; }

# Whether the proxy `$1` runs. Each has another word for that.
runs() {
    case $1 in
        nginx) nginx -v ;;
        haproxy) haproxy -v ;;
        caddy) caddy version ;;
    esac >/dev/null 2>&1
}

# The Debian packages of the proxy `$1`: its own, and libraries that few systems have.
packages_of() {
    case $1 in
        haproxy) echo haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 ;;
        *) echo "$1" ;;
    esac
}

# Downloads the packages `$@` into the current folder. Any user may; apt would do it as a user of its own, who may not
# write here.
download() { apt-get download -q -o APT::Sandbox::User="$(id -un)" "$@" >/dev/null 2>&1; }

update_lists() {
    if [ "$(id -u)" = 0 ]; then apt-get update -q; else sudo -n apt-get update -q; fi >/dev/null 2>&1
}

# In a subshell, so that a failure leaves nothing behind.
install() (
    mkdir -p .tools/bin .tools/proxies
    tools=$PWD/.tools
    work=$(mktemp -d "$tools/tmp.XXXXXX") || exit 1
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    cd "$work"
    # shellcheck disable=SC2046 # a list of words
    download $(packages_of "$1") || { update_lists && download $(packages_of "$1"); } || exit 1
    mkdir root
    for package in ./*.deb; do dpkg-deb --extract "$package" root || exit 1; done
    program=$(find root -type f '(' -path "*/sbin/$1" -o -path "*/bin/$1" ')' | head -n 1)
    [ -n "$program" ] || exit 1
    cat >start <<START
#!/bin/sh
folder=\$(dirname "\$(readlink -f "\$0")")/../proxies/$1
LD_LIBRARY_PATH=\$(echo "\$folder"/usr/lib/*-linux-gnu) exec "\$folder/${program#root/}" "\$@"
START
    chmod 755 start
    rm -rf "$tools/proxies/$1"
    mv root "$tools/proxies/$1"
    mv -f start "$tools/bin/$1"
)

for proxy in nginx haproxy caddy; do
    if runs $proxy; then continue; fi
    say "installing $proxy into .tools/ (with apt-get)"
    if install $proxy && runs $proxy; then continue; fi
    rm -rf ".tools/proxies/$proxy" ".tools/bin/$proxy"
    say "could not install $proxy: its tests are skipped (Debian: apt-get install $proxy)"
done
