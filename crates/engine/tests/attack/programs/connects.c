/* Connections on sockets that change while the server uses them. */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A socket, and the address that it is connected to again and again. */
struct target {
    int kind, family;
    socklen_t length;
    long patience;
    union {
        struct sockaddr any;
        struct sockaddr_un name;
        struct sockaddr_in address;
    };
    int current;
};

static int make(struct target *target, int flags)
{
    int one = socket(target->family, target->kind | flags, 0);
    if (target->patience) {
        struct timeval time = {target->patience, 0};
        setsockopt(one, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    }
    return one;
}

/* The target whose descriptor changes. */
static struct target *toggled;

static void *toggle(void *nothing)
{
    (void)nothing;
    for (int i = 0;; i++) {
        struct target *target = __atomic_load_n(&toggled, __ATOMIC_RELAXED);
        int one = __atomic_load_n(&target->current, __ATOMIC_RELAXED);
        fcntl(one, F_SETFL, i & 1 ? O_NONBLOCK | O_RDWR : O_RDWR);
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

static void *connect_on(void *argument)
{
    struct target *target = argument;
    for (;;) {
        int one = make(target, 0);
        int before = __atomic_exchange_n(&target->current, one, __ATOMIC_RELAXED);
        if (before > 0)
            close(before);
        connect(one, &target->any, target->length);
    }
    return NULL;
}

/* Fills the queue of the listener. */
static void fill(struct target *target)
{
    for (int i = 0; i < 8; i++) {
        int one = make(target, SOCK_NONBLOCK);
        if (connect(one, &target->any, target->length) && errno == EAGAIN)
            return;
    }
}

/* Connects many sockets. If the server sees one of them as blocking, its connection waits in the server; then the next
 * one has its turn. */
static void attack_queue(struct target *target)
{
    static struct target all[24];
    fill(target);
    for (int i = 0; i < 24; i++) {
        all[i] = *target;
        toggled = &all[i];
        if (i == 0)
            thread(toggle, NULL);
        if (!thread(connect_on, &all[i]))
            break;
        pause_ms(20);
    }
    ready();
    hold();
}

/* A local listener with a full queue. The descriptor alternates between blocking and non-blocking. */
static void toggle_local(char **arguments)
{
    static struct target target = {.family = AF_UNIX, .kind = SOCK_STREAM};
    const char *kind = arguments[0] ? arguments[0] : "stream";
    target.kind = !strcmp(kind, "seqpacket") ? SOCK_SEQPACKET : !strcmp(kind, "datagram") ? SOCK_DGRAM : SOCK_STREAM;
    target.name.sun_family = AF_UNIX;
    /* The name is in the file system, or abstract. */
    const char *where = arguments[0] && arguments[1] ? arguments[1] : "file";
    int path = snprintf(target.name.sun_path, sizeof target.name.sun_path, "%s/tmp/full-%d", strcmp(where, "file") ? "@" : "", getpid());
    if (*target.name.sun_path == '@')
        *target.name.sun_path = 0;
    target.length = offsetof(struct sockaddr_un, sun_path) + path + (strcmp(where, "file") ? 0 : 1);
    int listener = socket(AF_UNIX, target.kind, 0);
    if (bind(listener, &target.any, target.length))
        say("refused bind: %s", strerror(errno));
    listen(listener, 0);
    if (target.kind == SOCK_DGRAM) {
        int one = make(&target, SOCK_NONBLOCK);
        while (sendto(one, "x", 1, 0, &target.any, target.length) > 0)
            ;
    }
    attack_queue(&target);
}

/* The same over TCP. The second argument is how many seconds a socket may wait. */
static void toggle_tcp(char **arguments)
{
    static struct target target = {.family = AF_INET, .kind = SOCK_STREAM, .length = sizeof(struct sockaddr_in)};
    target.patience = number(arguments, 0, 0);
    tcp_listener(0, &target.address);
    attack_queue(&target);
}

/* Sockets that block for ever, without toggling. */
static void *connect_once(void *argument)
{
    struct target *target = argument;
    connect(make(target, 0), &target->any, target->length);
    return NULL;
}

static void waits(char **arguments)
{
    static struct target target = {.family = AF_INET, .kind = SOCK_STREAM, .length = sizeof(struct sockaddr_in), .patience = 3600};
    tcp_listener(0, &target.address);
    fill(&target);
    for (long i = number(arguments, 0, 32); i > 0; i--)
        thread(connect_once, &target);
    ready();
    hold();
}

/* A name that refers to another file all the time. */
static void *swap_names(void *nothing)
{
    (void)nothing;
    for (;;) {
        syscall(SYS_renameat2, AT_FDCWD, "/tmp/one", AT_FDCWD, "/tmp/two", 2 /* RENAME_EXCHANGE */);
        sched_yield();
    }
    return NULL;
}

static void swapped_names(char **arguments)
{
    (void)arguments;
    static struct target target = {.family = AF_UNIX, .kind = SOCK_STREAM, .length = sizeof(struct sockaddr_un)};
    target.name.sun_family = AF_UNIX;
    strcpy(target.name.sun_path, "/tmp/one/x");
    mkdir("/tmp/one", 0700);
    if (mkfifo("/tmp/one/x", 0600) || symlink("/proc/self/cwd", "/tmp/two"))
        say("refused files: %s", strerror(errno));
    mkfifo("x", 0600);
    thread(swap_names, NULL);
    thread(connect_on, &target);
    ready();
    hold();
}

/* Addresses in memory that the server cannot read, or not quickly. */
static void *truncate_loop(void *argument)
{
    int file = *(int *)argument;
    for (;;) {
        if (ftruncate(file, 0) || ftruncate(file, 8 << 20))
            pause_ms(1);
        sched_yield();
    }
    return NULL;
}

static void addresses_in_bad_memory(char **arguments)
{
    (void)arguments;
    static int file;
    file = memfd_create("addresses", 0);
    if (ftruncate(file, 8 << 20))
        return;
    char *mapped = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *nothing = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    thread(truncate_loop, &file);
    ready();
    for (long i = 0;; i++) {
        int one = socket(i % 2 ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
        connect(one, (struct sockaddr *)(mapped + i * 4096 % (8 << 20)), 16);
        connect(one, (struct sockaddr *)(mapped + 4090), 110);
        connect(one, (struct sockaddr *)nothing, 16);
        connect(one, (struct sockaddr *)8, 16);
        connect(one, (struct sockaddr *)~4095UL, 128);
        close(one);
    }
}

/* The memory that contains the address changes all the time, so a reader must wait. */
static void *change_memory(void *nothing)
{
    (void)nothing;
    long bytes = 128 << 20;
    char *all = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    for (;;) {
        mprotect(all, bytes, PROT_READ);
        mprotect(all, bytes, PROT_READ | PROT_WRITE);
        for (long i = 0; i < bytes; i += 4096)
            all[i] = 1;
    }
    return NULL;
}

static void held_addresses(char **arguments)
{
    (void)arguments;
    static struct target target = {.family = AF_UNIX, .kind = SOCK_STREAM, .length = sizeof(struct sockaddr_un)};
    target.name = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "/tmp/nobody"};
    thread(change_memory, NULL);
    thread(connect_on, &target);
    ready();
    hold();
}

/* Many threads that connect again as soon as they get a response. */
static struct sockaddr_in destination;

static void *connect_in_a_loop(void *nothing)
{
    (void)nothing;
    for (;;) {
        int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        connect(one, (struct sockaddr *)&destination, sizeof destination);
        close(one);
    }
    return NULL;
}

static void *connect_and_end(void *nothing)
{
    (void)nothing;
    pthread_detach(pthread_self());
    int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connect(one, (struct sockaddr *)&destination, sizeof destination);
    close(one);
    return NULL;
}

/* `connecting THREADS ADDRESS PORT`. With port 0 it is the port of a listener with a full queue. */
static void prepare_connecting(char **arguments)
{
    const char *to = arguments[0] && arguments[1] ? arguments[1] : "127.0.0.1";
    destination = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(number(arguments, 2, 9))};
    inet_pton(AF_INET, to, &destination.sin_addr);
    if (destination.sin_port == 0) {
        static struct target target = {.family = AF_INET, .kind = SOCK_STREAM, .length = sizeof(struct sockaddr_in)};
        tcp_listener(0, &target.address);
        fill(&target);
        destination = target.address;
    }
}

static void connecting(char **arguments)
{
    prepare_connecting(arguments);
    long threads = 0;
    while (threads < number(arguments, 0, 40) && thread(connect_in_a_loop, NULL))
        threads++;
    say("threads %ld", threads);
    ready();
    hold();
}

/* Threads that connect once and end. */
static void connecting_and_dying(char **arguments)
{
    prepare_connecting(arguments);
    ready();
    for (;;)
        if (!thread(connect_and_end, NULL))
            pause_ms(1);
}

/* Processes that are killed while they connect. */
static void connecting_and_killed(char **arguments)
{
    prepare_connecting(arguments);
    ready();
    for (;;) {
        pid_t pid = child();
        if (pid == 0)
            connect_in_a_loop(NULL);
        pause_ms(2);
        kill(pid, SIGKILL);
        syscall(SYS_wait4, -1, NULL, 0, NULL);
    }
}

const struct named connect_attacks[] = {
    {"toggle-local", toggle_local},
    {"toggle-tcp", toggle_tcp},
    {"connects-wait", waits},
    {"swapped-names", swapped_names},
    {"bad-addresses", addresses_in_bad_memory},
    {"held-addresses", held_addresses},
    {"connecting", connecting},
    {"connecting-and-dying", connecting_and_dying},
    {"connecting-and-killed", connecting_and_killed},
    {NULL, NULL},
};
