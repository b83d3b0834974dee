/* Holds the pipes that the server reads. */
#include "attack.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

/* Returns a descriptor to read from that never has any data. */
static int silent(const char *kind)
{
    int pair[2];
    if (!strcmp(kind, "stream") && !socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return pair[0];
    if (!strcmp(kind, "datagram") && !socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
        return pair[0];
    if (!strcmp(kind, "tcp")) {
        tcp_pair(pair);
        return pair[1];
    }
    if (!strcmp(kind, "udp"))
        return socket(AF_INET, SOCK_DGRAM, 0);
    if (!strcmp(kind, "netlink"))
        return socket(AF_NETLINK, SOCK_RAW, 0);
    if (!strcmp(kind, "event"))
        return eventfd(0, 0);
    if (!strcmp(kind, "timer"))
        return timerfd_create(CLOCK_MONOTONIC, 0);
    if (!strcmp(kind, "inotify"))
        return inotify_init1(0);
    if (!strcmp(kind, "signal")) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        return signalfd(-1, &set, 0);
    }
    if (!pipe(pair))
        return pair[0];
    return -1;
}

static const char *source;

static void *splice_to(void *to)
{
    int number = *(int *)to;
    for (;;) {
        int from = silent(source);
        /* The server begins to read. */
        write(number, "x\n", 2);
        long moved = splice(from, NULL, number, NULL, 4096, 0);
        say("%s splice from %s: %s", moved < 0 ? "refused" : "ended", source, strerror(errno));
        pause_ms(200);
    }
    return NULL;
}

static void *send_file_to(void *to)
{
    int number = *(int *)to;
    for (;;) {
        int from = silent(source);
        write(number, "x\n", 2);
        long moved = sendfile(number, from, NULL, 4096);
        say("%s sendfile from %s: %s", moved < 0 ? "refused" : "ended", source, strerror(errno));
        pause_ms(200);
    }
    return NULL;
}

/* While the call waits for data to move, the kernel holds the pipe's lock. */
static void move_to_outputs(char **arguments, void *(*move)(void *))
{
    static const int outputs[] = {1, 2};
    source = arguments[0] ? arguments[0] : "stream";
    ready();
    /* Both outputs, unless one is named. */
    long only = number(arguments, 1, 0);
    for (int i = 0; i < 2; i++)
        if (only == 0 || only == outputs[i])
            thread(move, (void *)&outputs[i]);
    hold();
}

static void splice_outputs(char **arguments)
{
    move_to_outputs(arguments, splice_to);
}

static void sendfile_outputs(char **arguments)
{
    move_to_outputs(arguments, send_file_to);
}

static void tee_outputs(char **arguments)
{
    (void)arguments;
    int empty[2];
    if (pipe(empty))
        return;
    ready();
    tee(empty[0], 1, 4096, 0);
    hold();
}

static void *spin(void *nothing)
{
    (void)nothing;
    for (volatile long i = 0;; i++)
        ;
    return NULL;
}

/* The thread that holds the pipe's lock gets no processor time. */
static void lazy_writer(char **arguments)
{
    struct sched_param none = {0};
    ready();
    for (long i = number(arguments, 0, 8); i > 0; i--)
        thread(spin, NULL);
    sched_setscheduler(0, SCHED_IDLE, &none);
    static char text[1 << 20];
    memset(text, 'x', sizeof text);
    for (;;)
        if (write(1, text, sizeof text) < 0)
            pause_ms(1);
}

/* The pipe shrinks and grows while the server reads it. */
static void resized(char **arguments)
{
    (void)arguments;
    ready();
    for (int i = 0;; i++) {
        fcntl(1 + i % 2, F_SETPIPE_SZ, i % 3 ? 4096 : 1 << 20);
        if (i % 64 == 0)
            say("x");
        pause_ms(1);
    }
}

/* Flags of a pipe that affect its other end. */
static void flags_changed(char **arguments)
{
    (void)arguments;
    for (int i = 1; i <= 2; i++) {
        fcntl(i, F_SETOWN, -1);
        fcntl(i, F_SETSIG, SIGKILL);
        fcntl(i, F_SETFL, O_NONBLOCK | O_DIRECT | O_ASYNC);
    }
    ready();
    for (;;) {
        say("x");
        pause_ms(5);
    }
}

/* Opens its own outputs again for reading, and keeps them in processes that stay. */
static void reopened(char **arguments)
{
    (void)arguments;
    int reader = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK);
    int both = open("/proc/self/fd/2", O_RDWR | O_NONBLOCK);
    say("reader %d, both %d", reader, both);
    if (child() == 0) {
        setsid();
        hold();
    }
    ready();
    hold();
}

static void closed(char **arguments)
{
    (void)arguments;
    ready();
    close(1);
    close(2);
    hold();
}

/* Prints as much as possible, from several threads at the same time. */
static void *print(void *nothing)
{
    static char text[65536];
    (void)nothing;
    for (;;)
        if (write(1, text, sizeof text) < 0)
            pause_ms(1);
    return NULL;
}

static void flood(char **arguments)
{
    ready();
    for (long i = number(arguments, 0, 3); i > 0; i--)
        thread(print, NULL);
    hold();
}

const struct named output_attacks[] = {
    {"splice-outputs", splice_outputs},
    {"sendfile-outputs", sendfile_outputs},
    {"tee-outputs", tee_outputs},
    {"lazy-writer", lazy_writer},
    {"outputs-resized", resized},
    {"outputs-flags", flags_changed},
    {"outputs-reopened", reopened},
    {"outputs-closed", closed},
    {"outputs-flood", flood},
    {NULL, NULL},
};
