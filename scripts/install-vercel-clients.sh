#!/bin/sh
# Installs the official clients of the Vercel Sandbox API into .tools/vercel/, unless they are there
# already: with npm the JavaScript SDK and the command line, as bins/workersd/tests/vercel/package-lock.json
# pins them; with pip the Python SDK (requirements.txt beside it). Install scripts do not run. Needs no root.
set -eu

cd "$(dirname "$(readlink -f "$0")")/.."

source=bins/workersd/tests/vercel
destination=.tools/vercel

say() { echo "setup: $*" >&2; }

# It takes its place by a rename, so it is complete where it is. What pip installs is for one version of
# Python, though, and Python may have been replaced since.
is_there() {
    cmp -s $source/package-lock.json $destination/package-lock.json &&
        cmp -s $source/requirements.txt $destination/requirements.txt &&
        PYTHONPATH=$destination/python python3 -c 'import pydantic_core' 2>/dev/null
}

if is_there; then exit 0; fi

lacking=
command -v npm >/dev/null 2>&1 || {
    say "npm is not on PATH; install it (Debian: apt-get install npm) and try again"
    lacking=yes
}
python3 -m pip --version >/dev/null 2>&1 || {
    say "no python3 with pip is on PATH; install them (Debian: apt-get install python3-pip) and try again"
    lacking=yes
}
[ -z "$lacking" ] || exit 1

say "installing the clients of the Vercel Sandbox API into $destination/ (with npm and pip)"
mkdir -p .tools
work=$(mktemp -d "$PWD/.tools/tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$work/vercel"
cp $source/package.json $source/package-lock.json $source/requirements.txt "$work/vercel"
(cd "$work/vercel" && npm ci --silent --ignore-scripts --no-audit --no-fund --cache "$work/cache") || {
    say "npm could not install the packages that $source/package.json names"
    exit 1
}
# With a folder of their own, they neither meet nor change what else Python has.
PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-warn-conflicts \
    --only-binary :all: --target "$work/vercel/python" --requirement "$work/vercel/requirements.txt" || {
    say "pip could not install the packages that $source/requirements.txt names"
    exit 1
}
rm -rf $destination
mv "$work/vercel" $destination
