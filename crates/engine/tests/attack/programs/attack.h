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

/* An attack. Its arguments end with NULL. */
typedef void attack(char **arguments);

/* The name of an attack. */
struct named {
    const char *name;
    attack *run;
};

extern const struct named process_attacks[], output_attacks[], connect_attacks[], linger_attacks[], counter_attacks[],
    kernel_attacks[], option_attacks[], file_attacks[], memory_attacks[];

/* Prints a line. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reports an attempt that must fail. A result that is not negative means that it succeeded. */
void must_fail(long result, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reports that the attack is in effect. */
void ready(void);

/* Waits until the process is ended. */
void hold(void) __attribute__((noreturn));

/* Limits the life of this process with an alarm. A child does not inherit its parent's alarm. */
void limit_life(void);

/* Forks, and limits the child's life, too. */
pid_t child(void);

/* Starts a thread. */
pthread_t thread(void *(*run)(void *), void *argument);

/* Sleeps for this many milliseconds. */
void pause_ms(long milliseconds);

/* Returns the number at this index of the arguments, or `otherwise` if there is none. */
long number(char **arguments, int index, long otherwise);

/* Connects a pair of TCP sockets over the loopback. The second one does not read what the first one sends. */
void tcp_pair(int pair[2]);

/* Makes a TCP listener on the loopback with a queue of this length, and fills in its address. */
struct sockaddr_in;
int tcp_listener(int backlog, struct sockaddr_in *address);

/* Sends descriptors in a message over a local socket. */
long send_descriptors(int socket, const int *descriptors, int count);

#endif
