# The project's tasks. `./just RECIPE` from a fresh clone, or `just RECIPE` where it is installed.

set positional-arguments

# What `setup` installs wins; Cargo is found even in a shell that rustup has not reached.
export PATH := justfile_directory() / ".tools/bin" + ":" + justfile_directory() / ".tools/node/bin" + ":" + env("PATH") + ":" + env("CARGO_HOME", env("HOME", "/nonexistent") / ".cargo") / "bin" + ":/usr/sbin"
export WORKERS_NODE := env("WORKERS_NODE", justfile_directory() / ".tools/node/bin/node")

target := env("CARGO_TARGET_DIR", justfile_directory() / "target")

# CI makes no change to Cargo.lock, runs all tests, and keeps no incremental state.
ci := env("CI", "")
locked := if ci == "" { "" } else { "--locked" }
nextest_profile := if ci == "" { "default" } else { "ci" }

# Lists the recipes.
[private]
default:
    @'{{ just_executable() }}' --list --unsorted

# Builds and runs the server; it migrates its database by itself. Options are workersd's.
[group('run')]
serve *args: build
    @exec '{{ target }}/release/workersd' serve "$@"

# Serves the console's sources with every change at once, over the API of a server that runs (WORKERS_SERVER, else http://127.0.0.1:3000).
[group('run')]
console-dev *args: setup
    @sh scripts/install-console-packages.sh
    @cd crates/console/web && exec node node_modules/vite/bin/vite.js "$@"

# Brings the database up to date, and exits.
[group('run')]
migrate *args: build
    @exec '{{ target }}/release/workersd' migrate "$@"

# Says what this machine has and lacks to run the server.
[group('run')]
doctor *args: build
    @exec '{{ target }}/release/workersd' doctor "$@"

# Builds the server as it is released, or in another of Cargo's profiles.
[group('run')]
build profile="release": setup
    # With `workersd` selected, both builds choose the same features; or each would undo what the other has built.
    cargo build --profile {{ profile }} {{ locked }} --package workers-engine-template --package workersd --lib
    WORKERS_TEMPLATE_LIBRARY='{{ target / if profile == "dev" { "debug" } else { profile } }}/libworkers_engine_template.so' \
        cargo build --profile {{ profile }} {{ locked }} --package workersd

# Measures the server beside its peers, all in one run (`./just bench --help` for the options).
[group('check')]
bench *args: build setup-bench
    cargo build --release {{ locked }} --package workers-bench
    @'{{ target }}/release/workers-bench' --workersd '{{ target }}/release/workersd' \
        --peers-dir '{{ justfile_directory() }}/.tools/peers' "$@"

# Breaks one thing after the other under a server that works, for ten minutes (WORKERS_SOAK_SECONDS, WORKERS_SOAK_SEED); then looks whether
# 40,000 invocations leave memory behind.
[group('check')]
soak: setup setup-test
    cargo nextest run {{ locked }} --package workersd --run-ignored only --no-capture \
        faults::soak::nothing_acknowledged_is_lost memory::ten_thousand_invocations top_level::crowd

# Measures what a user of the server has beside each attack of the attack suite, and prints the table of docs/security.md.
[group('check')]
attack: setup setup-test
    cargo nextest run {{ locked }} --release --package workersd --run-ignored only --no-capture \
        attack::what_a_victim_has_beside_each_attack

# Measures the way over the cloud's API: bare, with our client and port, with the official SDK.
[group('check')]
bench-vercel *args: build
    sh scripts/install-vercel-clients.sh
    cargo build --release {{ locked }} --package workers-bench
    @'{{ target }}/release/workers-bench' --vercel --workersd '{{ target }}/release/workersd' \
        --vercel-clients '{{ justfile_directory() }}/.tools/vercel' --templates none,worker --requests 40 "$@"

# Measures the console in a real browser against a real server.
[group('check')]
bench-console: build setup-test
    @WORKERSD='{{ target }}/release/workersd' "$WORKERS_NODE" crates/console/web/e2e/measure.ts

# Writes the console's types of the HTTP API anew, from the snapshot of the OpenAPI document.
[group('check')]
console-types: setup
    @"$WORKERS_NODE" crates/console/web/checks/api-types.ts

# Takes the pictures of docs/console.md.
[group('check')]
console-pictures: build setup-test
    @WORKERSD='{{ target }}/release/workersd' "$WORKERS_NODE" crates/console/web/e2e/screenshots.ts docs/console

# Runs all tests, or those that nextest's arguments select (`./just test -p workers-storage`).
[group('check')]
test *args: setup setup-test
    #!/bin/sh
    set -eu
    if [ $# -gt 0 ]; then
        exec cargo nextest run {{ locked }} --profile {{ nextest_profile }} "$@"
    fi
    '{{ just_executable() }}' test-js
    cargo test {{ locked }} --workspace --doc --quiet
    references=$(mktemp)
    trap 'rm -f "$references"' EXIT
    INSTA_SNAPSHOT_REFERENCES_FILE=$references \
        cargo nextest run {{ locked }} --profile {{ nextest_profile }} --workspace
    sh scripts/unreferenced-snapshots.sh "$references"

# Runs the tests of our JavaScript and TypeScript that need nothing but Node.js.
[group('check')]
test-js: setup
    #!/bin/sh
    set -eu
    sh scripts/install-console-packages.sh
    files=$(find crates bins -name node_modules -prune -o -name target -prune -o -name e2e -prune -o \
        '(' -name '*.test.*js' -o -name '*.test.ts' ')' -print)
    if [ -n "$files" ]; then
        "$WORKERS_NODE" --test $files
    else
        echo "no JavaScript tests"
    fi

# Runs one of the fuzz targets (archives, dns, frames, transpile) for so many seconds; what it finds is in fuzz/artifacts.
[group('check')]
fuzz parser seconds="60": setup setup-fuzz
    # The dependencies as they are locked for the server.
    cp Cargo.lock fuzz/Cargo.lock
    mkdir -p 'fuzz/corpus/{{ parser }}'
    # The files that archives are unpacked into stay in memory.
    TMPDIR=$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}") \
        cargo +nightly fuzz run '{{ parser }}' 'fuzz/corpus/{{ parser }}' \
        '{{ if parser == "transpile" { "crates/transpiler/tests/fixtures" } else { "fuzz/seeds" / parser } }}' \
        -- -max_total_time='{{ seconds }}' -print_final_stats=1

# What the tests run of the code, in percent by file: of all tests, or of those that nextest's arguments select (`./just coverage -p workers-domain`).
[group('check')]
coverage *args: setup setup-test setup-coverage
    #!/bin/sh
    set -eu
    tools=$(sh scripts/llvm-tools.sh directory)
    [ $# -gt 0 ] || set -- --workspace
    # Without `--ignore-run-fail`, one test that fails leaves no figures. Tests of what a process does may fail, because
    # the profiler writes a file at the process's end.
    LLVM_COV=$tools/llvm-cov LLVM_PROFDATA=$tools/llvm-profdata \
        exec cargo llvm-cov nextest {{ locked }} --profile {{ nextest_profile }} --ignore-run-fail "$@"

# Compares our TypeScript with tsc and plain Node.js, program by program, or only those whose names contain a text (`--record` writes down what tsc and Node.js do).
[group('check')]
compare *args: setup
    #!/bin/sh
    set -eu
    sh scripts/install-locked-packages.sh crates/transpiler/tests/compare/tool tsc "the TypeScript compiler of the comparison"
    tool=crates/transpiler/tests/compare/tool/main.mjs
    directory=$(mktemp -d)
    trap 'rm -rf "$directory"' EXIT
    "$WORKERS_NODE" $tool sources "$directory" "$@"
    cargo run --quiet {{ locked }} --package workers-transpiler --example transpile -- --each "$directory"
    "$WORKERS_NODE" $tool reference "$directory" "$@"

# Everything that needs no test: format, clippy, documentation, dependencies, the console's TypeScript.
[group('check')]
lint: fmt-check clippy doc deny unused check-web

# Whether the code is formatted.
[group('check')]
fmt-check:
    cargo fmt --all --check

# Clippy on everything; a warning fails.
[group('check')]
clippy: setup
    cargo clippy {{ locked }} --workspace --all-targets -- -D warnings
    # The client of the Vercel API by itself; in the workspace it is always built with its port.
    cargo clippy {{ locked }} --package workers-vercel --no-default-features -- -D warnings

# The documentation builds; a warning fails.
[group('check')]
doc: setup
    RUSTDOCFLAGS='-D warnings' cargo doc {{ locked }} --workspace --no-deps

# The console's TypeScript: its types, its format, and what Biome finds.
[group('check')]
check-web: setup-lint
    cd crates/console/web && node node_modules/typescript/bin/tsc --noEmit
    cd crates/console/web && biome check .

# Whether a second build compiles nothing.
[group('check')]
build-twice: setup
    @sh scripts/build-twice.sh '{{ just_executable() }}'

# Licences, bans and sources of the dependencies (deny.toml).
[group('check')]
deny: setup-lint
    cargo deny {{ locked }} check --hide-inclusion-graph licenses bans sources

# Dependencies that a crate names and does not use.
[group('check')]
unused: setup-lint
    cargo shear {{ locked }}

# Known vulnerabilities in the dependencies. Fetches the RustSec database, so it is not part of `ready`.
[group('check')]
audit: setup-lint
    cargo deny {{ locked }} check advisories

# What CI runs. Green here is green there.
[group('check')]
ready:
    bash .ci/run

# Formats the code.
[group('check')]
fmt: setup-lint
    cargo fmt --all
    cd crates/console/web && biome check --write .

# Installs what is missing to build and run the server.
[group('setup')]
setup:
    @sh scripts/setup.sh run

# Installs what is missing for the tests: cargo-nextest, Postgres, PgBouncer, Chromium, curl, jq, packages of the console and of Vercel's clients, tsc, proxies.
[group('setup')]
setup-test:
    @sh scripts/setup.sh test

# Installs what is missing for the lints: cargo-deny, cargo-shear, Biome, the console's packages.
[group('setup')]
setup-lint:
    @sh scripts/setup.sh lint

# Installs what is missing for the benchmarks: bubblewrap, hyperfine, wrk, the peers that npm has.
[group('setup')]
setup-bench:
    @sh scripts/setup.sh bench

# Installs what is missing to fuzz: cargo-fuzz, a C++ compiler.
[group('setup')]
setup-fuzz:
    @sh scripts/setup.sh fuzz

# Installs what is missing to measure what tests run: cargo-llvm-cov, the compiler's LLVM tools.
[group('setup')]
setup-coverage:
    @sh scripts/setup.sh coverage

# Removes what `setup` installed into this folder; Debian packages stay.
[group('setup')]
clean-tools:
    rm -rf .tools
