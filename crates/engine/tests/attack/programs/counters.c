/* Resources that the kernel counts. `fill WHAT MOST` takes up to MOST of one, reports how much it got, and keeps it.
 * `use WHAT` takes one, as a neighbour would. */
#include "attack.h"

#include <linux/filter.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

static void more_files(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Descriptors in messages to itself. */
static long in_flight(long most)
{
    int pair[2], copies[250];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return 0;
    for (int i = 0; i < 250; i++)
        copies[i] = pair[0];
    long sent = 0;
    while (sent < most) {
        if (send_descriptors(pair[1], copies, most == 1 ? 1 : 250) < 0) {
            int error = errno;
            /* A full queue is not the limit: the next pair has another queue. */
            if (error != EAGAIN || socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
                errno = error;
                break;
            }
            continue;
        }
        sent += most == 1 ? 1 : 250;
    }
    return sent;
}

static long pipe_pages(long most)
{
    long pages = 0;
    while (pages < most) {
        int pair[2];
        if (pipe(pair))
            break;
        long size = fcntl(pair[0], F_GETPIPE_SZ);
        if (size < 65536 && fcntl(pair[0], F_SETPIPE_SZ, 65536) < 0)
            break;
        pages += 16;
    }
    return pages;
}

static long epoll_watches(long most)
{
    long watches = 0;
    int watched[512], count = 0;
    for (; count < 512 && count < most; count++) {
        int pair[2];
        if (pipe(pair))
            break;
        watched[count] = pair[0];
    }
    while (watches < most) {
        int one = epoll_create1(0);
        if (one < 0)
            break;
        for (int i = 0; i < count && watches < most; i++, watches++) {
            struct epoll_event event = {.events = EPOLLIN};
            if (epoll_ctl(one, EPOLL_CTL_ADD, watched[i], &event))
                return watches;
        }
    }
    return watches;
}

static long queued_signals(long most)
{
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    long queued = 0;
    while (queued < most && !sigqueue(getpid(), SIGRTMIN + 1, (union sigval){0}))
        queued++;
    return queued;
}

static long timers(long most)
{
    long made = 0;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
    timer_t timer;
    while (made < most && !timer_create(CLOCK_MONOTONIC, &event, &timer))
        made++;
    return made;
}

static long inotify_instances(long most)
{
    long made = 0;
    while (made < most && inotify_init1(0) >= 0)
        made++;
    return made;
}

static long inotify_watches(long most)
{
    long watches = 0;
    char name[64];
    int one = -1;
    for (long i = 0; watches < most; i++) {
        if (i % 2048 == 0) {
            one = inotify_init1(0);
            if (one < 0)
                break;
        }
        snprintf(name, sizeof name, "/tmp/watched-%ld", i % 2048);
        if (i < 2048)
            close(open(name, O_WRONLY | O_CREAT, 0600));
        if (inotify_add_watch(one, name, IN_OPEN) < 0)
            break;
        watches++;
    }
    return watches;
}

/* A long filter in classic BPF, of `length` instructions. */
static struct sock_fprog *filter(int length)
{
    static struct sock_filter code[4096];
    static struct sock_fprog program;
    for (int i = 0; i < length - 1; i++)
        code[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, i);
    code[length - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0x7fff0000);
    program = (struct sock_fprog){length, code};
    return &program;
}

static long socket_filters(long most)
{
    long made = 0;
    for (; made < most; made++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
            break;
        if (setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, filter(512), sizeof(struct sock_fprog)))
            break;
    }
    return made;
}

/* In several processes, because one may have 32,768 instructions. */
static long process_filters(long most)
{
    long made = 0;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    while (made < most) {
        int told[2];
        if (pipe(told))
            break;
        pid_t pid = child();
        if (pid < 0)
            break;
        if (pid == 0) {
            char count = 0;
            while (count < 7 && !prctl(PR_SET_SECCOMP, 2 /* a filter */, filter(4000)))
                count++;
            write(told[1], &count, 1);
            hold();
        }
        char count = 0;
        if (read(told[0], &count, 1) != 1 || count == 0)
            break;
        made += count;
    }
    return made;
}

static long open_files(long most)
{
    long made = 0;
    while (made < most && open("/dev/null", O_RDONLY) >= 0)
        made++;
    return made;
}

static const struct counter {
    const char *name;
    long (*take)(long most);
} counters[] = {
    {"in-flight", in_flight},         {"pipe-pages", pipe_pages},
    {"epoll-watches", epoll_watches}, {"signals", queued_signals},
    {"timers", timers},               {"inotify-instances", inotify_instances},
    {"inotify-watches", inotify_watches}, {"socket-filters", socket_filters},
    {"process-filters", process_filters},
    {"open-files", open_files},
};

static const struct counter *named_counter(char **arguments)
{
    for (unsigned i = 0; arguments[0] && i < sizeof counters / sizeof *counters; i++)
        if (!strcmp(counters[i].name, arguments[0]))
            return &counters[i];
    say("there is no such counter");
    exit(1);
}

static void fill(char **arguments)
{
    const struct counter *counter = named_counter(arguments);
    more_files();
    errno = 0;
    long taken = counter->take(number(arguments, 1, 1));
    int error = errno;
    /* The counter is full now, and these steps must still work. */
    say("took %ld, then %s", taken, strerror(error));
    ready();
    hold();
}

static void use(char **arguments)
{
    const struct counter *counter = named_counter(arguments);
    errno = 0;
    long wanted = number(arguments, 1, 1), taken = counter->take(wanted);
    if (taken < wanted)
        say("failed after %ld: %s", taken, strerror(errno));
    int pair[2];
    if (!strcmp(counter->name, "pipe-pages") && !pipe(pair) && fcntl(pair[0], F_GETPIPE_SZ) < 65536)
        say("failed: a pipe of %d bytes", fcntl(pair[0], F_GETPIPE_SZ));
    say("done");
}

const struct named counter_attacks[] = {
    {"fill", fill},
    {"use", use},
    {NULL, NULL},
};
