/* System calls that must not work, whatever their arguments are. */
#include "attack.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define TRY(name, ...) must_fail(syscall(SYS_##name, __VA_ARGS__), #name)

/* Runs something that may kill its process, and reports if it returned. */
static void must_not_return(const char *what, void (*run)(void))
{
    pid_t pid = child();
    int status = 0;
    if (pid == 0) {
        run();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        say("got %s", what);
    else
        say("refused %s: it ends with %x", what, status);
}

#ifdef __x86_64__
static void interrupt_80(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
    if (result != getpid())
        _exit(1);
}
#endif

/* Other ways to make system calls, and calls that lead out of the sandbox. */
static void other_ways(char **arguments)
{
    (void)arguments;
#ifdef __x86_64__
    must_not_return("a call of 32 bits", interrupt_80);
    const long x32[] = {39 /* getpid */, 56 /* clone */, 520 /* execve */, 512 /* rt_sigaction */, 42 /* connect */};
    for (unsigned i = 0; i < sizeof x32 / sizeof *x32; i++)
        must_fail(syscall(0x40000000 + x32[i], 0, 0, 0, 0, 0, 0), "x32 call %ld", x32[i]);
#else
    (void)must_not_return;
#endif
    char arguments_of_clone[88] = {0};
    must_fail(syscall(435 /* clone3 */, arguments_of_clone, sizeof arguments_of_clone), "clone3");
    must_fail(syscall(435, NULL, 0), "clone3 without arguments");
    TRY(setns, open("/proc/self/ns/net", O_RDONLY), 0);
    TRY(setns, syscall(SYS_pidfd_open, getpid(), 0), CLONE_NEWNET);
    TRY(unshare, CLONE_NEWUSER);
    TRY(unshare, CLONE_FILES);
    const unsigned long namespaces[] = {0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000};
    for (unsigned i = 0; i < sizeof namespaces / sizeof *namespaces; i++) {
        long pid = syscall(SYS_clone, namespaces[i] | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0)
            _exit(0);
        must_fail(pid, "clone with %lx", namespaces[i]);
    }
    TRY(userfaultfd, 1);
    TRY(userfaultfd, 0);
    char ring[120] = {0};
    must_fail(syscall(425, 8, ring), "io_uring_setup");
    must_fail(syscall(426, 0, 0, 0, 0, 0, 0), "io_uring_enter");
    must_fail(syscall(427, 0, 0, 0, 0), "io_uring_register");
    TRY(bpf, 0, ring, sizeof ring);
    TRY(perf_event_open, ring, 0, -1, -1, 0);
    TRY(ptrace, 16, 1, 0, 0);
    TRY(ptrace, 0, 0, 0, 0);
    TRY(add_key, "user", "name", "x", 1, -3);
    TRY(keyctl, 0, -3, 1);
    TRY(request_key, "user", "name", NULL, -3);
    TRY(personality, 0x40000);
    TRY(name_to_handle_at, AT_FDCWD, "/", ring, ring, 0);
    TRY(mq_open, "queue", O_CREAT | O_RDWR, 0600, NULL);
    TRY(shmget, 0, 4096, 0600 | 01000);
    TRY(semget, 0, 1, 0600 | 01000);
    TRY(msgget, 0, 0600 | 01000);
    TRY(fanotify_init, 0, 0);
    TRY(kcmp, getpid(), 1, 0, 0, 0);
    TRY(vmsplice, 1, NULL, 0, 0);
    TRY(memfd_secret, 0);
    TRY(quotactl, 0, "/", 0, NULL);
    TRY(syslog, 10, NULL, 0);
    TRY(mount, "none", "/tmp", "tmpfs", 0, NULL);
    TRY(chroot, "/tmp");
    TRY(sethostname, "other", 5);
    TRY(mlockall, 1);
    say("done");
}

/* The first process of the sandbox. */
static void first_process(char **arguments)
{
    (void)arguments;
    long fd = syscall(SYS_pidfd_open, 1, 0);
    must_fail(syscall(438 /* pidfd_getfd */, fd, 0, 0), "a descriptor of pid 1");
    must_fail(syscall(438, syscall(SYS_pidfd_open, getppid(), 0), 0, 0), "a descriptor of the parent");
    const char *const files[] = {"mem", "maps", "environ", "auxv", "fd/0", "fdinfo/0", "root/", "cwd/", "exe", "ns/net", "ns/mnt",
                                 "syscall", "stack", "personality", "pagemap", "smaps", "timers", "io", "map_files/", "clear_refs",
                                 "oom_score_adj", "sched", "timerslack_ns", "uid_map", "coredump_filter", "setgroups"};
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/1/%s", files[i]);
        /* Files that every user may read are no secret, but must not be writable. */
        int is_open = i < 19;
        struct stat status;
        must_fail(open(path, is_open ? O_RDONLY : O_WRONLY), "%s", path);
        if (strchr(path, '/') && i < 9)
            must_fail(syscall(SYS_readlinkat, AT_FDCWD, path, &status, sizeof status), "the link %s", path);
    }
    for (int i = 1; i <= 64; i++)
        kill(1, i);
    syscall(SYS_tgkill, 1, 1, SIGKILL);
    syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    siginfo_t info = {.si_code = SI_QUEUE};
    syscall(SYS_rt_sigqueueinfo, 1, SIGSTOP, &info);
    unsigned long mask = 1;
    struct sched_param none = {0};
    must_fail(syscall(SYS_sched_setaffinity, 1, sizeof mask, &mask), "the affinity of pid 1");
    must_fail(sched_setscheduler(1, SCHED_IDLE, &none), "the scheduler of pid 1");
    must_fail(setpriority(PRIO_PROCESS, 1, 19), "the priority of pid 1");
    struct rlimit limit = {0, 0};
    must_fail(prlimit(1, RLIMIT_NOFILE, &limit, NULL), "the limit of open files of pid 1");
    must_fail(prlimit(1, RLIMIT_CPU, &limit, NULL), "the limit of time of pid 1");
    must_fail(prlimit(1, RLIMIT_AS, &limit, NULL), "the limit of memory of pid 1");
    must_fail(syscall(251 /* ioprio_set */, 1, 1, 3 << 13), "the input and output priority of pid 1");
    must_fail(setpgid(1, 0), "the group of pid 1");
    say("done");
}

/* Filters of its own: one with a listener could respond in the server's place. */
static void own_filters(char **arguments)
{
    (void)arguments;
    struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {4, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    must_fail(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program), "a listener");
    must_fail(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | 1 | (1 << 4), &program),
              "a listener for all threads");
    say("done");
}

/* Devices, terminals, leases and similar things. */
static void files_and_devices(char **arguments)
{
    (void)arguments;
    must_fail(mknod("/tmp/null", S_IFCHR | 0666, makedev(1, 3)), "a device");
    must_fail(mknod("/tmp/disk", S_IFBLK | 0666, makedev(254, 0)), "a disk");
    must_fail(syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x"), "typing into a terminal");
    must_fail(syscall(SYS_ioctl, 0, 0x100005412UL, "x"), "typing into a terminal, with more bits");
    must_fail(syscall(SYS_ioctl, 0, 0x541C /* TIOCLINUX */, "\x03"), "pasting into a terminal");
    must_fail(open("/dev/tty", O_RDWR), "a terminal");
    must_fail(open("/dev/ptmx", O_RDWR), "a new terminal");
    must_fail(open("/dev/fuse", O_RDWR), "a file system of its own");
    must_fail(open("/dev/kvm", O_RDWR), "a virtual machine");
    must_fail(open("/dev/net/tun", O_RDWR), "a tunnel");
    const char *const shared[] = {"/usr/bin/node", "/dev/null", "/dev/zero", "/dev/urandom"};
    for (unsigned i = 0; i < sizeof shared / sizeof *shared; i++) {
        int one = open(shared[i], O_RDONLY);
        must_fail(fcntl(one, F_SETLEASE, F_RDLCK), "a lease of %s", shared[i]);
        fcntl(one, F_SETLEASE, F_UNLCK);
        must_fail(fcntl(one, F_NOTIFY, 0x80000000UL | 1), "notices of %s", shared[i]);
        must_fail(syscall(SYS_fsetxattr, one, "user.x", "x", 1, 0), "an attribute of %s", shared[i]);
        must_fail(fchmod(one, 0666), "the mode of %s", shared[i]);
        must_fail(open(shared[i], i ? O_RDWR | O_CREAT | O_EXCL : O_RDWR, 0600), "%s to write", shared[i]);
    }
    int own = open("/tmp/own", O_RDWR | O_CREAT, 0600);
    must_fail(syscall(SYS_fsetxattr, own, "user.x", "x", 1, 0), "an attribute");
    must_fail(syscall(SYS_setxattr, "/tmp/own", "trusted.overlay.opaque", "y", 1, 0), "an attribute of the overlay");
    must_fail(syscall(SYS_setxattr, "/tmp/own", "user.overlay.redirect", "/", 1, 0), "a redirect of the overlay");
    must_fail(syscall(SYS_setxattr, "/tmp/own", "security.capability", "x", 1, 0), "capabilities of a file");
    must_fail(linkat(AT_FDCWD, "/usr/bin/node", AT_FDCWD, "/tmp/node", 0), "a link to node");
    const char *const masked[] = {"kcore", "kallsyms", "keys", "kmsg", "sysrq-trigger", "timer_list", "vmallocinfo", "slabinfo",
                                  "locks", "modules", "iomem", "interrupts", "kpagecount", "acpi", "bus", "scsi", "fs", "irq"};
    for (unsigned i = 0; i < sizeof masked / sizeof *masked; i++) {
        char path[64], byte[64];
        snprintf(path, sizeof path, "/proc/%s", masked[i]);
        int one = open(path, O_RDONLY);
        long length = one < 0 ? -1 : read(one, byte, sizeof byte);
        errno = length < 0 ? errno : ENODATA;
        must_fail(length > 0 ? length : -1, "bytes of %s", path);
    }
    must_fail(open("/proc/sys/kernel/core_pattern", O_WRONLY), "the handler of core dumps");
    must_fail(open("/proc/sys/vm/drop_caches", O_WRONLY), "the caches");
    must_fail(open("/proc/self/oom_score_adj", O_WRONLY), "its own place in the order of killing");
    say("done");
}

const struct named kernel_attacks[] = {
    {"other-ways", other_ways},
    {"first-process", first_process},
    {"own-filters", own_filters},
    {"files-and-devices", files_and_devices},
    {NULL, NULL},
};
