/* Takes memory up to the limit and not beyond it. */
#include "attack.h"

#include <netinet/in.h>
#include <sys/mman.h>

/* Takes this many MiB of memory and keeps touching it. */
static void fill_memory(char **arguments)
{
    long wanted = number(arguments, 0, 200);
    char *all = mmap(NULL, wanted << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long i = 0; i < wanted << 20; i += 4096)
        all[i] = 1;
    ready();
    hold();
}

/* Writes files in memory until there is no room. */
static void fill_files(char **arguments)
{
    static char piece[1 << 20];
    int file = open("/tmp/fill", O_WRONLY | O_CREAT, 0600);
    for (long i = number(arguments, 0, 1 << 20); i > 0 && write(file, piece, sizeof piece) > 0; i--)
        ;
    ready();
    hold();
}

/* The addresses that the server reads lie in files without pages. Each page that the server creates counts against a
 * limit that has been reached. */
static void connect_at_the_limit(char **arguments)
{
    long wanted = number(arguments, 0, 200) << 20, files = 256L << 20;
    char *all = mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int file = memfd_create("holes", 0);
    if (ftruncate(file, files))
        return;
    char *holes = mmap(NULL, files, PROT_READ, MAP_SHARED, file, 0);
    ready();
    for (long i = 0; i < wanted; i += 4096)
        all[i] = 1;
    for (long i = 0; i < files; i += 4096) {
        int one = socket(AF_INET, SOCK_STREAM, 0);
        connect(one, (struct sockaddr *)(holes + i), 16);
        close(one);
    }
    hold();
}

const struct named memory_attacks[] = {
    {"fill-memory", fill_memory},
    {"fill-files", fill_files},
    {"connect-at-the-limit", connect_at_the_limit},
    {NULL, NULL},
};
