/* Processes that are hard to end, or that try to get another parent. */
#include "attack.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Runs in a child of a bare clone, which must not call the C library. */
static void wait_here(void)
{
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &(long){0}, NULL, 8);
    limit_life();
    for (;;)
        syscall(SYS_ppoll, 0, 0, 0, 0);
}

static long bare_clone(unsigned long flags)
{
    return syscall(SYS_clone, flags, 0, 0, 0, 0);
}

/* A child of our own parent. Its exit signal is the first argument. */
static void clone_parent(char **arguments)
{
    long signal = number(arguments, 0, SIGCHLD), count = number(arguments, 1, 1);
    for (long i = 0; i < count; i++) {
        long pid = bare_clone(CLONE_PARENT | signal);
        if (pid == 0)
            wait_here();
        must_fail(pid, "a sibling with signal %ld", signal);
    }
    ready();
    hold();
}

/* The sibling exits at once. */
static void clone_parent_ends(char **arguments)
{
    long pid = bare_clone(CLONE_PARENT | number(arguments, 0, SIGCHLD));
    if (pid == 0)
        syscall(SYS_exit_group, 0);
    must_fail(pid, "a sibling that ends");
    ready();
    hold();
}

/* The sibling clones another sibling and exits. */
static void clone_parent_twice(char **arguments)
{
    long signal = number(arguments, 0, 0);
    long pid = bare_clone(CLONE_PARENT | signal);
    if (pid == 0) {
        if (bare_clone(CLONE_PARENT | signal) == 0)
            wait_here();
        syscall(SYS_exit_group, 0);
    }
    must_fail(pid, "a sibling of a sibling");
    ready();
    hold();
}

/* The process that the parent waits for exits, and its sibling stays. */
static void clone_parent_and_end(char **arguments)
{
    long pid = bare_clone(CLONE_PARENT | number(arguments, 0, 34));
    if (pid == 0)
        wait_here();
    must_fail(pid, "a sibling");
    ready();
    syscall(SYS_exit_group, 0);
}

/* The sibling shares everything but the thread group. */
static void clone_parent_sharing(char **arguments)
{
    (void)arguments;
    long pid = bare_clone(CLONE_PARENT | CLONE_FILES | CLONE_FS | CLONE_IO | CLONE_SYSVSEM | CLONE_VFORK);
    if (pid == 0)
        syscall(SYS_exit_group, 0);
    must_fail(pid, "a sibling that shares");
    ready();
    hold();
}

/* Children with any exit signal, or none. */
static void exit_signals(char **arguments)
{
    (void)arguments;
    const int signals[] = {0, SIGSTOP, SIGKILL, SIGSEGV, 34, 64};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        long pid = bare_clone(signals[i]);
        if (pid == 0)
            wait_here();
    }
    ready();
    hold();
}

static void subreaper(char **arguments)
{
    (void)arguments;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < 8; i++)
        if (child() == 0) {
            if (child() == 0) {
                setsid();
                hold();
            }
            _exit(0);
        }
    ready();
    hold();
}

/* The process that the parent waits for exits, and leaves a daemon with both outputs. */
static void daemon_stays(char **arguments)
{
    (void)arguments;
    if (child() == 0) {
        setsid();
        if (child() == 0) {
            ready();
            hold();
        }
        _exit(0);
    }
    wait(NULL);
    /* What the daemon prints is not lost when this process exits. */
    pause_ms(500);
    _exit(0);
}

/* The parent waits for a child that never executes another program. */
static void vfork_waits(char **arguments)
{
    (void)arguments;
    for (int i = 0; i < 3; i++)
        if (child() == 0 && vfork() == 0)
            for (;;)
                syscall(SYS_ppoll, 0, 0, 0, 0);
    ready();
    if (vfork() == 0)
        for (;;)
            syscall(SYS_ppoll, 0, 0, 0, 0);
    hold();
}

/* As many processes as permitted, and a new one for each that exits. */
static void fork_bomb(char **arguments)
{
    (void)arguments;
    int told = 0;
    for (;;) {
        pid_t pid = child();
        if (pid == 0)
            told = 1;
        if (pid < 0) {
            if (!told)
                ready();
            told = 1;
            pause_ms(20);
        }
    }
}

/* Processes that start and exit, and are never waited for. */
static void fork_churn(char **arguments)
{
    (void)arguments;
    ready();
    for (int i = 0;; i++) {
        if (child() == 0)
            _exit(0);
        if (i % 8 == 0)
            pause_ms(1);
    }
}

static void own_sessions(char **arguments)
{
    (void)arguments;
    for (int i = 0; i < 8; i++)
        if (child() == 0) {
            if (i % 2)
                setsid();
            else
                setpgid(0, 0);
            hold();
        }
    ready();
    hold();
}

static void *wait_in_thread(void *nothing)
{
    (void)nothing;
    hold();
}

/* The first thread ends, the others stay: what is left looks like a zombie. */
static void leader_ends(char **arguments)
{
    (void)arguments;
    for (int i = 0; i < 3; i++)
        thread(wait_in_thread, NULL);
    ready();
    syscall(SYS_exit, 0);
}

/* Stops all processes of a sandbox. */
static void stopped(char **arguments)
{
    (void)arguments;
    for (int i = 0; i < 4; i++)
        if (child() == 0) {
            raise(SIGSTOP);
            hold();
        }
    ready();
    raise(SIGSTOP);
    hold();
}

/* Stops all other processes, also those that start later. */
static void stop_others(char **arguments)
{
    (void)arguments;
    ready();
    for (;;) {
        kill(-1, SIGSTOP);
        pause_ms(1);
    }
}

static void ignores_signals(char **arguments)
{
    (void)arguments;
    for (int i = 1; i <= 64; i++)
        if (i != SIGALRM)
            signal(i, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, 0);
    ready();
    hold();
}

/* A process that cannot be inspected. */
static void not_dumpable(char **arguments)
{
    (void)arguments;
    prctl(PR_SET_DUMPABLE, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/tmp/nobody"};
    int one = socket(AF_UNIX, SOCK_STREAM, 0);
    must_fail(connect(one, (struct sockaddr *)&name, sizeof name), "a connection without a listener");
    ready();
    hold();
}

const struct named process_attacks[] = {
    {"clone-parent", clone_parent},
    {"clone-parent-ends", clone_parent_ends},
    {"clone-parent-twice", clone_parent_twice},
    {"clone-parent-and-end", clone_parent_and_end},
    {"clone-parent-sharing", clone_parent_sharing},
    {"exit-signals", exit_signals},
    {"subreaper", subreaper},
    {"daemon", daemon_stays},
    {"vfork", vfork_waits},
    {"fork-bomb", fork_bomb},
    {"fork-churn", fork_churn},
    {"own-sessions", own_sessions},
    {"leader-ends", leader_ends},
    {"stopped", stopped},
    {"stop-others", stop_others},
    {"ignores-signals", ignores_signals},
    {"not-dumpable", not_dumpable},
    {NULL, NULL},
};
