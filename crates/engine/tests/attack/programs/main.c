/* Runs one attack: as a program, `attacker MARKER SECONDS NAME ARGUMENTS...`, or in the process that loads this as a
 * library, which has the same words in the variable ATTACK. Tests find the attack's processes by the marker. */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <time.h>

static long life = 10;

void say(const char *format, ...)
{
    char line[512];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line - 1, format, values);
    va_end(values);
    if (length > (int)sizeof line - 2)
        length = sizeof line - 2;
    line[length] = '\n';
    /* Writes the line at once and in one piece. An error means that the other end is closed. */
    if (write(1, line, length + 1) < 0)
        return;
}

void must_fail(long result, const char *format, ...)
{
    int error = errno;
    char what[256];
    va_list values;
    va_start(values, format);
    vsnprintf(what, sizeof what, format, values);
    va_end(values);
    if (result >= 0)
        say("got %s", what);
    else
        say("refused %s: %s", what, strerror(error));
}

void ready(void)
{
    say("ready");
}

void limit_life(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    signal(SIGALRM, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    alarm(life);
}

void hold(void)
{
    for (;;)
        pause();
}

pid_t child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        limit_life();
    return pid;
}

pthread_t thread(void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    pthread_t started = 0;
    int error = pthread_create(&started, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    errno = error;
    return error ? 0 : started;
}

void pause_ms(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

long number(char **arguments, int index, long otherwise)
{
    for (int i = 0; arguments[i]; i++)
        if (i == index)
            return atol(arguments[i]);
    return otherwise;
}

int tcp_listener(int backlog, struct sockaddr_in *address)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof *address;
    if (listener < 0 || bind(listener, (struct sockaddr *)address, length) || listen(listener, backlog) ||
        getsockname(listener, (struct sockaddr *)address, &length)) {
        say("refused a listener: %s", strerror(errno));
        exit(1);
    }
    return listener;
}

void tcp_pair(int pair[2])
{
    struct sockaddr_in address;
    int listener = tcp_listener(1, &address), small = 1;
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    if (connect(pair[0], (struct sockaddr *)&address, sizeof address)) {
        say("refused a connection: %s", strerror(errno));
        exit(1);
    }
    pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
}

long send_descriptors(int socket, const int *descriptors, int count)
{
    char space[CMSG_SPACE(sizeof(int) * 253)] = {0}, byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = space};
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * count), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void run(char **words)
{
    const struct named *all[] = {process_attacks, output_attacks, connect_attacks, linger_attacks, counter_attacks,
                                 kernel_attacks, option_attacks, file_attacks, memory_attacks};
    if (!words[0] || !words[1] || !words[2]) {
        say("usage: attacker MARKER SECONDS NAME ARGUMENTS...");
        return;
    }
    life = atol(words[1]);
    limit_life();
    for (unsigned group = 0; group < sizeof all / sizeof *all; group++)
        for (const struct named *one = all[group]; one->name; one++)
            if (!strcmp(one->name, words[2])) {
                one->run(words + 3);
                return;
            }
    say("there is no attack %s", words[2]);
}

#ifdef LIBRARY
__attribute__((constructor)) static void loaded(void)
{
    static char text[512];
    static char *words[16];
    const char *attack = getenv("ATTACK");
    if (!attack)
        return;
    snprintf(text, sizeof text, "%s", attack);
    int count = 0;
    for (char *word = strtok(text, " "); word && count < 15; word = strtok(NULL, " "))
        words[count++] = word;
    run(words);
}
#else
int main(int count, char **words)
{
    (void)count;
    run(words + 1);
    return 0;
}
#endif
