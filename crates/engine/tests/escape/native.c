// Attempts at what a sandbox must not do, in the arguments of permitted calls. For each one, prints its name and the
// number of the error that stops it, or 0. The program's arguments are names of attempts to leave out.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int failed(long result) { return result < 0 ? errno : 0; }

static int cloned(unsigned long flags) {
    long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    if (pid > 0) waitpid((pid_t)pid, NULL, __WALL);
    return failed(pid);
}
static int clone_parent(void) { return cloned(CLONE_PARENT | SIGCHLD); }
static int clone_without_signal(void) { return cloned(0); }
static int clone_realtime_signal(void) { signal(34, SIG_IGN); return cloned(34); }
static int clone_untraced(void) { return cloned(CLONE_UNTRACED | SIGCHLD); }
static int clone_io(void) { return cloned(CLONE_IO | SIGCHLD); }
static int clone_process(void) { return cloned(SIGCHLD); }

static int pair_of_vsock(void) { int pair[2]; return failed(socketpair(40, SOCK_STREAM, 0, pair)); }
static int pair_of_datagrams_inet(void) { int pair[2]; return failed(socketpair(AF_INET, SOCK_DGRAM, 0, pair)); }
static int multipath_tcp(void) { return failed(socket(AF_INET, SOCK_STREAM, 262)); }
static int udp_lite(void) { return failed(socket(AF_INET, SOCK_DGRAM, 136)); }
static int raw_local(void) { return failed(socket(AF_UNIX, SOCK_RAW, 0)); }

static int tcp6(void) { return socket(AF_INET6, SOCK_STREAM, 0); }
static int set(int level, int name, const void *value, socklen_t length) {
    return failed(setsockopt(tcp6(), level, name, value, length));
}
static int get(int level, int name) {
    char value[64]; socklen_t length = sizeof value;
    return failed(getsockopt(tcp6(), level, name, value, &length));
}
static int routing_header(void) {
    uint8_t header[24] = { 0, 2, 2, 1 };
    header[23] = 1;
    return set(IPPROTO_IPV6, 57, header, sizeof header);
}
static int hop_options(void) { uint8_t options[8] = { 0, 0, 1, 4 }; return set(IPPROTO_IPV6, 54, options, sizeof options); }
static int flow_label(void) { uint8_t request[32] = { [20] = 0, [21] = 255 }; return set(IPPROTO_IPV6, 32, request, sizeof request); }
static int ip_options(void) { uint8_t options[4] = { 1, 1, 1, 0 }; return failed(setsockopt(socket(AF_INET, SOCK_STREAM, 0), IPPROTO_IP, 4, options, 4)); }
static int low_ttl(void) { int one = 1; return failed(setsockopt(socket(AF_INET, SOCK_STREAM, 0), IPPROTO_IP, 2, &one, sizeof one)); }
static int bind_to_device(void) { return set(SOL_SOCKET, 25, "lo", 3); }
static int bind_to_index(void) { int one = 1; return set(SOL_SOCKET, 62, &one, sizeof one); }
static int attach_filter(void) {
    struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, 0xFFFFFFFF } };
    struct sock_fprog program = { 1, code };
    return set(SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}
static int attach_to_port(void) {
    struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, 0 } };
    struct sock_fprog program = { 1, code };
    int one = 1, udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    setsockopt(udp, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    bind(udp, (void *)&here, sizeof here);
    return failed(setsockopt(udp, SOL_SOCKET, 51, &program, sizeof program));
}
static int timestamps(void) { int one = 1; return set(SOL_SOCKET, SO_TIMESTAMP, &one, sizeof one); }
static int congestion(void) { return set(IPPROTO_TCP, 13, "reno", 4); }
static int device_of_socket(void) { return get(SOL_SOCKET, 25); }
static int queue_of_socket(void) { return get(SOL_SOCKET, 56); }
static int cookie_of_socket(void) { return get(SOL_SOCKET, 57); }
static int cookie_of_network(void) { return get(SOL_SOCKET, 71); }
static int process_of_peer(void) {
    int pair[2], value; socklen_t length = sizeof value;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    return failed(getsockopt(pair[0], SOL_SOCKET, 77, &value, &length));
}
static int join_group(void) {
    struct ip_mreq group = { .imr_multiaddr.s_addr = htonl(0xE0000142), .imr_interface.s_addr = htonl(INADDR_LOOPBACK) };
    return failed(setsockopt(socket(AF_INET, SOCK_DGRAM, 0), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group));
}
static int send_fast_open(void) {
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    return failed(sendto(socket(AF_INET, SOCK_STREAM, 0), "x", 1, 0x20000000, (void *)&here, sizeof here));
}
static int send_urgent(void) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    return failed(send(pair[0], "x", 1, MSG_OOB));
}
static int report_of_router(void) {
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1, udp = socket(AF_INET, SOCK_DGRAM, 0);
    char told[256];
    struct msghdr message = { .msg_control = told, .msg_controllen = sizeof told };
    setsockopt(udp, IPPROTO_IP, IP_RECVERR, &one, sizeof one);
    // To a port on which no socket listens: the error report is there when the call returns.
    sendto(udp, "x", 1, 0, (void *)&here, sizeof here);
    return failed(recvmsg(udp, &message, MSG_ERRQUEUE));
}
static int index_of_interface(void) {
    struct ifreq request = { .ifr_name = "lo" };
    return failed(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCGIFINDEX, &request));
}
static int flags_of_interface(void) {
    struct ifreq request = { .ifr_name = "lo" };
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    return failed(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &request));
}
static int flags_of_file(void) { long flags; return failed(ioctl(open("/tmp", O_RDONLY), 0x80086601, &flags)); }

static int watch_directory(void) { return failed(fcntl(open("/tmp", O_RDONLY), F_NOTIFY, DN_CREATE)); }
static int lease(void) {
    char path[] = "/tmp/leasedXXXXXX";
    close(mkstemp(path));
    int file = open(path, O_RDONLY);
    unlink(path);
    return failed(fcntl(file, F_SETLEASE, F_RDLCK));
}
static int size_of_pipe(void) { int ends[2]; if (pipe(ends)) return -1; return failed(fcntl(ends[0], F_SETPIPE_SZ, 4096)); }
static int owner_of_signals(void) { int ends[2]; if (pipe(ends)) return -1; return failed(fcntl(ends[0], F_SETOWN, getpid())); }
static int notification_pipe(void) { int ends[2]; return failed(pipe2(ends, O_EXCL)); }

// A size that no kernel has, so that the kernel itself would return EINVAL.
static int huge_pages(void) {
    void *memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (5 << 26), -1, 0);
    return memory == MAP_FAILED ? errno : 0;
}
static int huge_file(void) { return failed(memfd_create("huge", MFD_HUGETLB)); }
static int advise(int advice) {
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return failed(madvise(memory, 4096, advice));
}
static int merge_pages(void) { return advise(MADV_MERGEABLE); }
static int push_pages_out(void) { return advise(MADV_PAGEOUT); }
static int pages_in_memory(void) {
    unsigned char known;
    void *memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return failed(mincore(memory, 4096, &known));
}
static int read_what_is_in_memory(void) {
    int ends[2]; char byte; struct iovec vector = { &byte, 1 };
    if (pipe(ends) || write(ends[1], "x", 1) != 1) return -1;
    return failed(preadv2(ends[0], &vector, 1, -1, RWF_NOWAIT));
}

// The kernel itself refuses to flush a pipe, and memory that is not mapped.
static int flush_file(void) { int ends[2]; if (pipe(ends)) return -1; return failed(fsync(ends[0])); }
static int flush_data(void) { int ends[2]; if (pipe(ends)) return -1; return failed(fdatasync(ends[0])); }
static int flush_range(void) { int ends[2]; if (pipe(ends)) return -1; return failed(sync_file_range(ends[0], 0, 0, 2)); }
static int flush_mapping(void) { return failed(msync((void *)4096, 4096, MS_SYNC)); }
static int name_memory(void) {
    void *memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return failed(prctl(0x53564d41, 0, memory, 4096, "name"));
}

// Returns a socket with data to read, and makes a pipe.
static int filled(int ends[2]) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || write(pair[1], "x", 1) != 1 || pipe(ends)) return -1;
    return pair[0];
}
static int splice_socket(void) { int ends[2], in = filled(ends); return failed(splice(in, NULL, ends[1], NULL, 1, 0)); }
static int tee_pipe(void) {
    int ends[2], others[2];
    if (pipe(ends) || pipe(others) || write(ends[1], "x", 1) != 1) return -1;
    return failed(tee(ends[0], others[1], 1, 0));
}
static int send_socket(void) { int ends[2], in = filled(ends); return failed(sendfile(ends[1], in, NULL, 1)); }
static int send_socket_from_position(void) { int ends[2], in = filled(ends); off_t at = 0; return failed(sendfile(ends[1], in, &at, 1)); }
static int send_file(void) {
    int ends[2]; off_t at = 0;
    if (pipe(ends)) return -1;
    return failed(sendfile(ends[1], open("/proc/self/exe", O_RDONLY), &at, 1));
}

static int adopt_orphans(void) { return failed(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }
static int size_of_memory_map(void) { return failed(prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, (unsigned long)&(int){0}, 0, 0)); }
static int filter_calls(int by_prctl) {
    struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
    struct sock_fprog program = { 1, code };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return failed(by_prctl ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)
                           : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}
static int filter_by_prctl(void) { return filter_calls(1); }
static int filter_by_call(void) { return filter_calls(0); }
static int run_when_idle(void) { struct sched_param none = { 0 }; return failed(sched_setscheduler(0, SCHED_IDLE, &none)); }
static int global_barrier(void) { return failed(syscall(SYS_membarrier, 1, 0, 0)); }
static int limits_of_init(void) {
    struct rlimit limit = { 64, 64 };
    return failed(prlimit(1, RLIMIT_NOFILE, &limit, NULL));
}
// Returns 0 if setting the limit seems to succeed and leaves it as it was.
static int core_dumps(void) {
    struct rlimit before, after, none = { 0, 0 }, some = { 1, 1 };
    getrlimit(RLIMIT_CORE, &before);
    if (setrlimit(RLIMIT_CORE, before.rlim_cur == 0 ? &some : &none)) return errno;
    getrlimit(RLIMIT_CORE, &after);
    return before.rlim_cur == after.rlim_cur && before.rlim_max == after.rlim_max ? 0 : -1;
}

#define ATTEMPT(name) { #name, name }
static const struct { const char *name; int (*attempt)(void); } attempts[] = {
    ATTEMPT(clone_parent), ATTEMPT(clone_without_signal), ATTEMPT(clone_realtime_signal), ATTEMPT(clone_untraced),
    ATTEMPT(clone_io), ATTEMPT(clone_process),
    ATTEMPT(pair_of_vsock), ATTEMPT(pair_of_datagrams_inet), ATTEMPT(multipath_tcp), ATTEMPT(udp_lite), ATTEMPT(raw_local),
    ATTEMPT(routing_header), ATTEMPT(hop_options), ATTEMPT(flow_label), ATTEMPT(ip_options), ATTEMPT(low_ttl),
    ATTEMPT(bind_to_device), ATTEMPT(bind_to_index), ATTEMPT(attach_filter), ATTEMPT(attach_to_port), ATTEMPT(timestamps),
    ATTEMPT(congestion), ATTEMPT(device_of_socket), ATTEMPT(queue_of_socket), ATTEMPT(cookie_of_socket),
    ATTEMPT(cookie_of_network), ATTEMPT(process_of_peer), ATTEMPT(join_group), ATTEMPT(send_fast_open),
    ATTEMPT(send_urgent), ATTEMPT(report_of_router),
    ATTEMPT(index_of_interface), ATTEMPT(flags_of_interface), ATTEMPT(flags_of_file),
    ATTEMPT(watch_directory), ATTEMPT(lease), ATTEMPT(size_of_pipe), ATTEMPT(owner_of_signals), ATTEMPT(notification_pipe),
    ATTEMPT(huge_pages), ATTEMPT(huge_file), ATTEMPT(merge_pages), ATTEMPT(push_pages_out), ATTEMPT(pages_in_memory),
    ATTEMPT(read_what_is_in_memory), ATTEMPT(flush_file), ATTEMPT(flush_data), ATTEMPT(flush_range), ATTEMPT(flush_mapping),
    ATTEMPT(name_memory),
    ATTEMPT(splice_socket), ATTEMPT(tee_pipe), ATTEMPT(send_socket), ATTEMPT(send_socket_from_position), ATTEMPT(send_file),
    ATTEMPT(adopt_orphans), ATTEMPT(size_of_memory_map), ATTEMPT(run_when_idle), ATTEMPT(global_barrier),
    ATTEMPT(limits_of_init), ATTEMPT(core_dumps), ATTEMPT(filter_by_prctl), ATTEMPT(filter_by_call),
};

int main(int count, char **names) {
    signal(SIGIO, SIG_IGN);
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        int left_out = 0;
        for (int name = 1; name < count; name++) left_out |= strcmp(names[name], attempts[i].name) == 0;
        if (left_out) continue;
        printf("%s %d\n", attempts[i].name, attempts[i].attempt());
        fflush(stdout);
    }
    return 0;
}
