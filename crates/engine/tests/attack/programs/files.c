/* Files that the server, or another process in its place, reads, freezes or removes, and files that all sandboxes
 * share. */
#include "attack.h"

#include <poll.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

static void exchange(const char *one, const char *other)
{
    syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 2 /* RENAME_EXCHANGE */);
}

/* Pipes and sockets where files are expected. */
static void odd_files(char **arguments)
{
    const char *where = arguments[0] ? arguments[0] : ".";
    if (chdir(where))
        return;
    mkfifo("pipe", 0666);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int one = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(one, (struct sockaddr *)&name, sizeof name);
    symlink("pipe", "link");
    symlink("loop", "loop");
    symlink("/proc/self/fd/0", "input");
    mkdir("closed", 0);
    ready();
    hold();
}

/* A file that is in turn a pipe, a directory and a link. */
static void swapped_file(char **arguments)
{
    const char *where = arguments[0] ? arguments[0] : ".";
    if (chdir(where))
        return;
    close(open("file", O_WRONLY | O_CREAT, 0666));
    mkfifo("other-pipe", 0666);
    mkdir("other-directory", 0777);
    symlink("/etc/passwd", "other-link");
    ready();
    for (;;) {
        exchange("file", "other-pipe");
        exchange("file", "other-directory");
        exchange("file", "other-link");
        sched_yield();
    }
}

/* A directory that moves all the time. */
static void renamed_directories(char **arguments)
{
    const char *where = arguments[0] ? arguments[0] : ".";
    if (chdir(where))
        return;
    mkdir("one", 0777);
    mkdir("one/deeper", 0777);
    mkdir("two", 0777);
    close(open("one/deeper/file", O_WRONLY | O_CREAT, 0666));
    ready();
    for (;;) {
        exchange("one", "two");
        rename("one/deeper", "two/deeper");
        rename("two/deeper", "one/deeper");
        sched_yield();
    }
}

/* A lease: a process that opens the file waits until the lease is released, which never happens. */
static void lease(char **arguments)
{
    const char *path = arguments[0] ? arguments[0] : "file";
    int file = open(path, O_RDWR | O_CREAT, 0666);
    if (write(file, "leased", 6) < 0)
        return;
    signal(SIGIO, SIG_IGN);
    must_fail(fcntl(file, F_SETLEASE, F_WRLCK), "a lease");
    ready();
    hold();
}

/* A tree that is larger than any disk, and deeper than any stack. */
static void endless_tree(char **arguments)
{
    const char *where = arguments[0] ? arguments[0] : ".";
    if (chdir(where))
        return;
    int file = open("sparse", O_WRONLY | O_CREAT, 0666);
    if (ftruncate(file, number(arguments, 1, 8) << 30))
        say("refused a file with a hole: %s", strerror(errno));
    for (int i = 0; i < 2000 && !mkdir("d", 0777) && !chdir("d"); i++)
        ;
    ready();
    hold();
}

/* Reports which pages of a shared file seem to be in memory. The arguments are its path and an offset. */
static void probe_cache(char **arguments)
{
    const char *path = arguments[0] ? arguments[0] : "/usr/bin/node";
    long offset = number(arguments, 1, 0);
    int file = open(path, O_RDONLY);
    unsigned char vector = 9;
    char byte;
    struct iovec data = {&byte, 1};
    void *mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, offset);
    if (file < 0 || mapped == MAP_FAILED) {
        say("failed %s: %s", path, strerror(errno));
        return;
    }
    long seen = syscall(SYS_mincore, mapped, 4096, &vector);
    say("mincore %s", seen < 0 ? strerror(errno) : vector & 1 ? "in memory" : "not in memory");
    long now = syscall(SYS_preadv2, file, &data, 1, offset, 0, 8 /* RWF_NOWAIT */);
    say("preadv2 %s", now < 0 && errno == EAGAIN ? "not in memory" : now < 0 ? strerror(errno) : "in memory");
    long status[5] = {0}, range[2] = {offset, 4096};
    long counted = syscall(451 /* cachestat */, file, range, status, 0);
    say("cachestat %s", counted < 0 ? strerror(errno) : status[0] ? "in memory" : "not in memory");
    say("done");
}

const struct named file_attacks[] = {
    {"odd-files", odd_files},
    {"swapped-file", swapped_file},
    {"renamed-directories", renamed_directories},
    {"lease", lease},
    {"endless-tree", endless_tree},
    {"probe-cache", probe_cache},
    {NULL, NULL},
};
