/* Families of sockets, and their options. */
#include "attack.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* Families and protocols that no program needs. */
static void families(char **arguments)
{
    (void)arguments;
    for (int family = 0; family < 46; family++) {
        int pair[2];
        /* Local and internet sockets, and netlink, follow below. */
        if (family != AF_UNIX)
            for (int kind = SOCK_STREAM; kind <= SOCK_SEQPACKET; kind++)
                must_fail(socketpair(family, kind, 0, pair), "a pair of family %d, type %d", family, kind);
        if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK)
            continue;
        for (int kind = SOCK_STREAM; kind <= 10; kind++)
            must_fail(socket(family, kind, 0), "a socket of family %d, type %d", family, kind);
    }
    const int internet[] = {AF_INET, AF_INET6};
    for (int i = 0; i < 2; i++) {
        const struct {
            int kind, protocol;
            const char *name;
        } protocols[] = {{SOCK_STREAM, 262, "MPTCP"}, {SOCK_STREAM, 132, "SCTP"}, {SOCK_SEQPACKET, 132, "SCTP"},
                         {SOCK_STREAM, 256, "SMC"}, {SOCK_DGRAM, 136, "UDP-Lite"}, {6, 33, "DCCP"}, {SOCK_DGRAM, 115, "L2TP"},
                         {SOCK_RAW, 255, "raw"}, {SOCK_RAW, 1, "raw ICMP"}, {SOCK_RAW, 6, "raw TCP"}, {SOCK_RAW, 17, "raw UDP"},
                         {SOCK_PACKET, 3, "packets"}};
        for (unsigned k = 0; k < sizeof protocols / sizeof *protocols; k++)
            must_fail(socket(internet[i], protocols[k].kind, protocols[k].protocol), "%s over family %d", protocols[k].name, internet[i]);
    }
    for (int protocol = 1; protocol < 23; protocol++)
        must_fail(socket(AF_NETLINK, SOCK_RAW, protocol), "netlink protocol %d", protocol);
    say("done");
}

static const struct option {
    int level, name, length;
    const char *what;
} forbidden[] = {
    {SOL_SOCKET, 25, 2, "SO_BINDTODEVICE"},
    {SOL_SOCKET, 62, 4, "SO_BINDTOIFINDEX"},
    {SOL_SOCKET, 26, 16, "SO_ATTACH_FILTER"},
    {SOL_SOCKET, 51, 16, "SO_ATTACH_REUSEPORT_CBPF"},
    {SOL_SOCKET, 50, 4, "SO_ATTACH_BPF"},
    {SOL_SOCKET, 36, 4, "SO_MARK"},
    {SOL_SOCKET, 61, 8, "SO_TXTIME"},
    {SOL_SOCKET, 60, 4, "SO_ZEROCOPY"},
    {SOL_SOCKET, 32, 4, "SO_SNDBUFFORCE"},
    {SOL_SOCKET, 33, 4, "SO_RCVBUFFORCE"},
    {IPPROTO_IP, 4, 8, "IP_OPTIONS"},
    {IPPROTO_IP, 19, 4, "IP_TRANSPARENT"},
    {IPPROTO_IP, 50, 4, "IP_UNICAST_IF"},
    {IPPROTO_IP, 16, 8, "IP_IPSEC_POLICY"},
    {IPPROTO_IP, 17, 8, "IP_XFRM_POLICY"},
    {IPPROTO_IP, 22, 4, "IP_NODEFRAG"},
    {IPPROTO_IPV6, 57, 24, "IPV6_RTHDR"},
    {IPPROTO_IPV6, 54, 8, "IPV6_HOPOPTS"},
    {IPPROTO_IPV6, 59, 8, "IPV6_DSTOPTS"},
    {IPPROTO_IPV6, 55, 8, "IPV6_RTHDRDSTOPTS"},
    {IPPROTO_IPV6, 6, 8, "IPV6_2292PKTOPTIONS"},
    {IPPROTO_IPV6, 5, 4, "IPV6_2292RTHDR"},
    {IPPROTO_IPV6, 50, 20, "IPV6_PKTINFO"},
    {IPPROTO_IPV6, 9, 4, "IPV6_NEXTHOP"},
    {IPPROTO_IPV6, 75, 4, "IPV6_TRANSPARENT"},
    {IPPROTO_IPV6, 76, 4, "IPV6_UNICAST_IF"},
    {IPPROTO_IPV6, 32, 32, "IPV6_FLOWLABEL_MGR"},
    {IPPROTO_IPV6, 1, 4, "IPV6_ADDRFORM"},
    {IPPROTO_IPV6, 63, 4, "IPV6_HDRINCL"},
    {IPPROTO_IPV6, 35, 8, "IPV6_XFRM_POLICY"},
    {IPPROTO_TCP, 31, 4, "TCP_ULP"},
    {IPPROTO_TCP, 19, 4, "TCP_REPAIR"},
    {IPPROTO_TCP, 14, 40, "TCP_MD5SIG"},
    {IPPROTO_TCP, 30, 4, "TCP_FASTOPEN_CONNECT"},
    {IPPROTO_TCP, 33, 16, "TCP_FASTOPEN_KEY"},
    {IPPROTO_TCP, 35, 40, "TCP_ZEROCOPY_RECEIVE"},
    {IPPROTO_TCP, 28, 4, "TCP_SAVE_SYN"},
    {263, 1, 4, "an option of SOL_XDP's neighbour"},
    {284, 1, 4, "an option of MPTCP"},
    {282, 1, 40, "an option of TLS"},
};

static void options(char **arguments)
{
    (void)arguments;
    const int internet[] = {AF_INET, AF_INET6};
    for (int i = 0; i < 4; i++) {
        int one = socket(internet[i / 2], i % 2 ? SOCK_DGRAM : SOCK_STREAM, 0);
        for (unsigned k = 0; k < sizeof forbidden / sizeof *forbidden; k++) {
            unsigned char value[64] = {0};
            struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0xffff)};
            struct sock_fprog program = {1, code};
            const struct option *option = &forbidden[k];
            if (option->name == 57) {
                /* A route over one more address: kernels refuse type 0, but not types 2 and 4. */
                for (int type = 0; type < 5; type++) {
                    unsigned char route[24] = {0, 2, type, 1, 0, 0, 0, 0, 0x20, 1};
                    must_fail(setsockopt(one, option->level, option->name, route, sizeof route), "%s of type %d", option->what, type);
                }
                continue;
            }
            if (option->name == 13)
                *(int *)value = 1, ((int *)value)[1] = 3600;
            else if (option->name == 25)
                strcpy((char *)value, "lo");
            else if (option->level == IPPROTO_TCP && option->name == 31)
                strcpy((char *)value, "tls");
            else if (option->level == IPPROTO_IP && option->name == 4)
                memcpy(value, (unsigned char[]){131, 7, 4, 127, 0, 0, 1, 0}, 8);
            else
                value[0] = 1;
            const void *from = option->length == 16 && option->level == SOL_SOCKET ? (void *)&program : (void *)value;
            must_fail(setsockopt(one, option->level, option->name, from, option->length), "%s of family %d, type %d", option->what,
                      internet[i / 2], i % 2 + 1);
        }
        close(one);
    }
    say("done");
}

/* Options that programs use must continue to work. */
static void ordinary_options(char **arguments)
{
    (void)arguments;
    int one = socket(AF_INET, SOCK_STREAM, 0), yes = 1, bytes = 65536;
    struct timeval time = {5, 0};
    const struct {
        int level, name;
        const void *value;
        int length;
    } ordinary[] = {{SOL_SOCKET, SO_REUSEADDR, &yes, 4}, {SOL_SOCKET, SO_REUSEPORT, &yes, 4}, {SOL_SOCKET, SO_KEEPALIVE, &yes, 4},
                    {SOL_SOCKET, SO_BROADCAST, &yes, 4}, {SOL_SOCKET, SO_SNDBUF, &bytes, 4}, {SOL_SOCKET, SO_RCVBUF, &bytes, 4},
                    {SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time}, {SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time},
                    {SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)},
                    {IPPROTO_TCP, TCP_NODELAY, &yes, 4}, {IPPROTO_TCP, TCP_KEEPIDLE, &(int){60}, 4}, {IPPROTO_IP, IP_TOS, &yes, 4}};
    for (unsigned i = 0; i < sizeof ordinary / sizeof *ordinary; i++)
        if (setsockopt(one, ordinary[i].level, ordinary[i].name, ordinary[i].value, ordinary[i].length))
            say("failed option %d of level %d: %s", ordinary[i].name, ordinary[i].level, strerror(errno));
    struct linger linger = {0};
    socklen_t length = sizeof linger;
    if (getsockopt(one, SOL_SOCKET, SO_LINGER, &linger, &length) || !linger.l_onoff || linger.l_linger)
        say("failed to have a connection reset when it is closed");
    say("done");
}

const struct named option_attacks[] = {
    {"families", families},
    {"options", options},
    {"ordinary-options", ordinary_options},
    {NULL, NULL},
};
