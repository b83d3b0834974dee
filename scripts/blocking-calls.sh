#!/bin/sh
# Reports the system calls for which threads of the server's runtimes wait: each call that takes longer than a limit,
# except those by which a runtime waits for work. Nothing else may wait on these threads, whatever sandboxes do.
#
# Usage: blocking-calls.sh PID [SECONDS [MILLISECONDS]]
#   PID            a server (or a test of the engine) that runs
#   SECONDS        how long to look [default: 10]
#   MILLISECONDS   what counts as waiting [default: 20]
# Environment:
#   THREADS        how many threads the runtime has [default: one a processor]
#
# Prints a line a call, and how often each came at the end; exits with 1 if there was one. Needs strace 5.17 or later,
# and root or the server's user. By hand only: what is traced runs several times slower, and a call that is slow because
# of that counts, too; compare with a server that nothing attacks.
set -eu

if [ $# -lt 1 ] || [ $# -gt 3 ]; then
    sed -n '5,14s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
server=$1
seconds=${2:-10}
limit=${3:-20}

command -v strace >/dev/null 2>&1 || {
    echo "strace is missing (Debian: apt-get install strace)" >&2
    exit 2
}

waits_for_work='epoll_wait|epoll_pwait|epoll_pwait2|futex|nanosleep|clock_nanosleep|poll|ppoll|restart_syscall'

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Tokio calls all of its threads tokio-rt-worker; those that may not wait are the first ones, the others are for what
# may. Every thread of actix's is a runtime of its own, and the first thread of all waits for the server to end.
tokio_threads=$(grep -lx tokio-rt-worker "/proc/$server"/task/*/comm | sed 's:.*/task/\([0-9]*\)/comm:\1:' | sort -n | head -n "${THREADS:-$(nproc)}")
actix_threads=$(grep -l '^actix' "/proc/$server"/task/*/comm | sed 's:.*/task/\([0-9]*\)/comm:\1:' || true)
threads="$server $tokio_threads $actix_threads"

# One file a thread, so that no call is cut in two by another thread's, and none of the threads that may wait is slowed
# down.
for thread in $threads; do
    cp "/proc/$server/task/$thread/comm" "$directory/name.$thread"
    timeout --foreground "$seconds" strace -T -ttt -qq -e signal=none -o "$directory/calls.$thread" -p "$thread" &
done
wait

found=0
for thread in $threads; do
    file=$directory/calls.$thread
    [ -f "$file" ] || continue
    name=$(cat "$directory/name.$thread")
    awk -v limit="$limit" -v thread="$thread" -v name="$name" -v waits="^($waits_for_work)\\\\(" '
        match($0, /<[0-9.]+>$/) {
            time = substr($0, RSTART + 1, RLENGTH - 2) * 1000
            call = $0
            sub(/^[0-9.]+ /, "", call)
            if (time > limit && call !~ waits) printf "%s %s: %.0f ms: %s\n", name, thread, time, substr(call, 1, 160)
        }
        # A call that had not ended when the looking did.
        /<unfinished/ || ($0 !~ /<[0-9.]+>$/ && !/^[0-9.]+ (\+\+\+|---)/) { open = $0 }
        END {
            sub(/^[0-9.]+ /, "", open)
            if (open != "" && open !~ waits && open !~ /exit/ ) printf "%s %s: not ended: %s\n", name, thread, substr(open, 1, 160)
        }' "$file" >>"$directory/found"
done
if [ -s "$directory/found" ]; then
    found=1
    cat "$directory/found"
    echo "--- calls, and how often:"
    sed 's/^[^:]*: [^:]*: //; s/(.*//' "$directory/found" | sort | uniq -c | sort -rn
else
    echo "no call of the runtimes' threads took longer than $limit ms in $seconds s"
fi
exit "$found"
