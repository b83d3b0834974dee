/* Sockets that wait for a long time when the last descriptor of them is closed, which is to be the server's or the kernel's. */
#include "attack.h"

#include <netinet/in.h>

static long seconds = 3600;

/* Not one byte more fits, and nobody reads; a close waits. */
static void fill_and_linger(int one)
{
    static char text[65536];
    struct linger linger = {1, seconds};
    must_fail(setsockopt(one, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), "a linger of %ld seconds", seconds);
    while (send(one, text, sizeof text, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
}

static int to_close;

static void *close_soon(void *delay)
{
    for (volatile long i = (long)delay; i > 0; i--)
        ;
    close(to_close);
    return NULL;
}

/* A socket is closed while the server looks at it. */
static void close_asked(char **arguments)
{
    seconds = number(arguments, 0, 3600);
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (long i = 0; i < 400; i++) {
        int pair[2];
        tcp_pair(pair);
        fill_and_linger(pair[0]);
        to_close = pair[0];
        pthread_t closer = thread(close_soon, (void *)(i * 500));
        connect(pair[0], (struct sockaddr *)&nobody, sizeof nobody);
        if (i == 0)
            ready();
        pthread_join(closer, NULL);
    }
    hold();
}

static struct sockaddr_in full;

static void *connect_it(void *number)
{
    connect((int)(long)number, (struct sockaddr *)&full, sizeof full);
    return NULL;
}

/* A connection waits at the server until its peer has room; then it is filled and closed at once. */
static void close_connecting(char **arguments)
{
    seconds = number(arguments, 0, 3600);
    int listener = tcp_listener(0, &full), small = 1;
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct linger linger = {1, seconds};
    ready();
    for (int round = 0; round < 50; round++) {
        int one = socket(AF_INET, SOCK_STREAM, 0), filler[3];
        setsockopt(one, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        must_fail(setsockopt(one, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), "a linger of %ld seconds", seconds);
        for (int i = 0; i < 3; i++) {
            filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            connect(filler[i], (struct sockaddr *)&full, sizeof full);
        }
        pthread_t waiting = thread(connect_it, (void *)(long)one);
        pause_ms(30);
        /* Now there is room. */
        for (int i = 0; i < 4; i++)
            accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        static char text[65536];
        for (int i = 0; i < 200000; i++)
            if (send(one, text, sizeof text, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN && i > 100)
                break;
        close(one);
        pthread_join(waiting, NULL);
        for (int i = 0; i < 3; i++)
            close(filler[i]);
    }
    hold();
}

/* The socket that the server looks at has messages with such sockets in its queue, which go when it goes. */
static void close_nested(char **arguments)
{
    seconds = number(arguments, 0, 3600);
    struct sockaddr_un nobody = {.sun_family = AF_UNIX, .sun_path = "/tmp/nobody"};
    for (long i = 0; i < 200; i++) {
        int pair[2], queue[2];
        tcp_pair(pair);
        fill_and_linger(pair[0]);
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, queue))
            break;
        send_descriptors(queue[0], &pair[0], 1);
        close(pair[0]);
        close(queue[0]);
        to_close = queue[1];
        pthread_t closer = thread(close_soon, (void *)(i * 1000));
        connect(queue[1], (struct sockaddr *)&nobody, sizeof nobody);
        if (i == 0)
            ready();
        pthread_join(closer, NULL);
    }
    hold();
}

/* Sockets that keep each other in flight are closed by a thread of the kernel, for all of the host; both ends go, and the first one
 * waits for the second one, which is closed after it. */
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
        must_fail(send_descriptors(ring[0], all, 6), "a ring with outputs in it");
        for (int k = 0; k < 4; k++)
            close(all[k]);
    }
    /* The kernel looks for rings when another local socket goes. */
    int last[2];
    if (!socketpair(AF_UNIX, SOCK_STREAM, 0, last)) {
        close(last[0]);
        close(last[1]);
    }
    ready();
    hold();
}

const struct named linger_attacks[] = {
    {"linger-asked", close_asked},
    {"linger-connecting", close_connecting},
    {"linger-nested", close_nested},
    {"linger-cycle", cycle},
    {NULL, NULL},
};
