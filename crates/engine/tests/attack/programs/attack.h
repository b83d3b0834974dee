/* What attacks have in common. An attack says on standard output:
 *
 *   ready        it is in full effect and stays so
 *   got WHAT     it achieved something that must not be possible
 *   refused WHAT the kernel or the server did not let it
 *   done         it has tried all that it tries
 *
 * Every process of an attack ends by itself, by SIGALRM, so that no attack outlasts its test by much. */
#ifndef ATTACK_H
#define ATTACK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* An attack; its arguments end with NULL. */
typedef void attack(char **arguments);

/* What an attack is called. */
struct named {
    const char *name;
    attack *run;
};

extern const struct named process_attacks[], output_attacks[], connect_attacks[], linger_attacks[], counter_attacks[],
    kernel_attacks[], option_attacks[], file_attacks[], memory_attacks[];

/* Prints a line. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says how an attempt went that must fail: a result that is not negative is one too many. */
void must_fail(long result, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The attack is in effect. */
void ready(void);

/* Waits for the end. */
void hold(void) __attribute__((noreturn));

/* Bounds this process's life; a child has no alarm of its parent's. */
void limit_life(void);

/* Forks; the child's life is bounded, too. */
pid_t child(void);

/* Starts a thread. */
pthread_t thread(void *(*run)(void *), void *argument);

/* Sleeps. */
void pause_ms(long milliseconds);

/* A number of the arguments, or another one. */
long number(char **arguments, int index, long otherwise);

/* A pair of TCP sockets that are connected over the loopback; what the first one sends, the second one does not read. */
void tcp_pair(int pair[2]);

/* A TCP listener on the loopback with a queue of this length; fills in its address. */
struct sockaddr_in;
int tcp_listener(int backlog, struct sockaddr_in *address);

/* A descriptor in a message, over a local socket. */
long send_descriptors(int socket, const int *descriptors, int count);

#endif
