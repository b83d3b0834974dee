// Attempts to leave something behind that JavaScript cannot make. The only argument is the name of one.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { ZYGOTE = 2 };

static void affinity(void) { cpu_set_t set; CPU_ZERO(&set); CPU_SET(0, &set); sched_setaffinity(ZYGOTE, sizeof set, &set); }
static void policy(void) { struct sched_param none = { 0 }; sched_setscheduler(ZYGOTE, SCHED_BATCH, &none); }
static void input_output_priority(void) { syscall(SYS_ioprio_set, 1, ZYGOTE, (2 << 13) | 7); }
static void limits(void) { struct rlimit few = { 5, 5 }; prlimit(ZYGOTE, RLIMIT_NOFILE, &few, NULL); }
static void limits_of_init(void) { struct rlimit few = { 5, 5 }; prlimit(1, RLIMIT_NOFILE, &few, NULL); }
static void queued_signal(void) { union sigval value = { 7 }; sigqueue(ZYGOTE, SIGWINCH, value); }
static void queued_signal_to_init(void) { union sigval value = { 7 }; sigqueue(1, SIGRTMIN + 3, value); }
static void traced(void) { ptrace(PTRACE_SEIZE, ZYGOTE, 0, 0); }
static void memory(void) {
    char bytes[8] = "left";
    struct iovec own = { bytes, sizeof bytes }, other = { (void *)0x400000, sizeof bytes };
    process_vm_writev(ZYGOTE, &own, 1, &other, 1, 0);
}
static void memory_file(void) { int file = open("/proc/2/mem", O_RDWR); pwrite(file, "left", 4, 0x400000); }
static void descriptor(void) {
    int pidfd = (int)syscall(SYS_pidfd_open, ZYGOTE, 0);
    for (int number = 0; number < 64; number++) {
        int taken = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
        if (taken >= 0) write(taken, "left", 4);
    }
}
static void descriptors_by_name(void) {
    for (int number = 0; number < 64; number++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/2/fd/%d", number);
        int file = open(path, O_RDWR);
        if (file >= 0) write(file, "left", 4);
    }
}
static void oom_score(void) { int file = open("/proc/2/oom_score_adj", O_WRONLY); write(file, "1000", 4); }
static void nameless_file(void) { int file = open("/tmp", O_TMPFILE | O_RDWR, 0600); write(file, "left", 4); }
static void nameless_file_that_is_named(void) {
    int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/left", AT_SYMLINK_FOLLOW);
}
static void attribute(void) { setxattr("/tmp", "user.left", "left", 4, 0); }
static void attribute_of_script(void) { setxattr("/work/main.cjs", "user.left", "left", 4, 0); }
static void fifo(void) { mkfifo("/tmp/left", 0600); }
static void device(void) { mknod("/tmp/left", S_IFCHR | 0600, 0x103); }
static void lock(void) { flock(open("/work/main.cjs", O_RDONLY), LOCK_EX); }
static void lease(void) { fcntl(open("/work/main.cjs", O_RDONLY), F_SETLEASE, F_RDLCK); }
static void device_lock(void) { flock(open("/dev/null", O_RDWR), LOCK_EX); }
static void watches(void) { int all = inotify_init(); for (int n = 0; n < 1000; n++) inotify_add_watch(all, "/etc/hosts", IN_ACCESS << (n % 8)); }
static void shared_memory(void) { shmget(7, 4096, IPC_CREAT | 0600); }
static void queue(void) { syscall(SYS_mq_open, "left", O_CREAT | O_RDWR, 0600, NULL); }
static void key(void) { syscall(SYS_add_key, "user", "left", "left", 4, -3); }
static void locked_memory(void) { mlock(mmap(NULL, 32768, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 32768); }
static void memory_file_of_its_own(void) { write((int)syscall(SYS_memfd_create, "left", 0), "left", 4); }
static void alarm_clock(void) { alarm(1); }
static void timers(void) { timer_t timer; for (int n = 0; n < 2000; n++) timer_create(CLOCK_MONOTONIC, NULL, &timer); }
static void host_name(void) { sethostname("left", 4); }
static void mounted(void) { mount("tmpfs", "/tmp", "tmpfs", 0, NULL); }
static void namespace(void) { unshare(CLONE_NEWNS); }
static void root(void) { chroot("/tmp"); }
static void subreaper(void) { prctl(PR_SET_CHILD_SUBREAPER, 1); if (fork() == 0) { setsid(); pause(); } }
static void daemon_of_daemon(void) { if (fork() == 0) { setsid(); if (fork() == 0) { pause(); } _exit(0); } }
static void stopped_process(void) { if (fork() == 0) { setsid(); raise(SIGSTOP); } }
static void zombies(void) { for (int n = 0; n < 20; n++) if (fork() == 0) _exit(0); }
static void many_processes(void) { for (int n = 0; n < 500; n++) if (fork() == 0) pause(); }
static void traced_child(void) { if (fork() == 0) { ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); } }
static void last_id(void) { int file = open("/proc/sys/kernel/ns_last_pid", O_WRONLY); write(file, "500", 3); }
static void all_ids(void) { for (int n = 0; n < 40000; n++) { pid_t child = vfork(); if (child == 0) _exit(0); waitpid(child, NULL, 0); } }
static void times_of_script(void) { struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } }; utimensat(AT_FDCWD, "/work/main.cjs", now, 0); }
static void all_signals(void) { for (int number = 1; number < 65; number++) if (number != SIGKILL && number != SIGSTOP) kill(ZYGOTE, number); }

#define ATTEMPT(name) { #name, name }
static const struct { const char *name; void (*make)(void); } attempts[] = {
    ATTEMPT(affinity), ATTEMPT(policy), ATTEMPT(input_output_priority), ATTEMPT(limits), ATTEMPT(limits_of_init),
    ATTEMPT(queued_signal), ATTEMPT(queued_signal_to_init), ATTEMPT(traced), ATTEMPT(memory), ATTEMPT(memory_file),
    ATTEMPT(descriptor), ATTEMPT(descriptors_by_name), ATTEMPT(oom_score), ATTEMPT(nameless_file),
    ATTEMPT(nameless_file_that_is_named), ATTEMPT(attribute), ATTEMPT(attribute_of_script), ATTEMPT(fifo),
    ATTEMPT(device), ATTEMPT(lock), ATTEMPT(lease), ATTEMPT(device_lock), ATTEMPT(watches), ATTEMPT(shared_memory),
    ATTEMPT(queue), ATTEMPT(key), ATTEMPT(locked_memory), ATTEMPT(memory_file_of_its_own), ATTEMPT(alarm_clock),
    ATTEMPT(timers), ATTEMPT(host_name), ATTEMPT(mounted), ATTEMPT(namespace), ATTEMPT(root), ATTEMPT(subreaper),
    ATTEMPT(daemon_of_daemon), ATTEMPT(stopped_process), ATTEMPT(zombies), ATTEMPT(many_processes),
    ATTEMPT(traced_child), ATTEMPT(last_id), ATTEMPT(all_ids), ATTEMPT(times_of_script), ATTEMPT(all_signals),
};

int main(int count, char **arguments) {
    for (size_t n = 0; n < sizeof attempts / sizeof *attempts; n++) {
        if (count == 2 && strcmp(arguments[1], "names") == 0) puts(attempts[n].name);
        if (count == 2 && strcmp(arguments[1], attempts[n].name) == 0) { attempts[n].make(); return 0; }
    }
    return count == 2 && strcmp(arguments[1], "names") == 0 ? 0 : 1;
}
