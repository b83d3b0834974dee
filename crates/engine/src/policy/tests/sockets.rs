//! Sockets: which kinds may be made, and which options may be set.

use super::*;

fn socket(parts: &Parts, [family, kind, protocol]: [&str; 3]) -> Verdict {
    parts.answer("socket", [number(family), number(kind), number(protocol), 0, 0, 0])
}

fn option(parts: &Parts, call: &str, level: &str, name: &str) -> Verdict {
    parts.answer(call, [3, number(level), number(name), 0, 0, 0])
}

#[test]
fn sockets_are_local_tcp_udp_or_for_routes() {
    let parts = Parts::new();
    for allowed in [
        ["AF_UNIX", "SOCK_STREAM", "0"],
        ["AF_UNIX", "SOCK_SEQPACKET|SOCK_CLOEXEC", "0"],
        ["AF_INET", "SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC", "IPPROTO_TCP"],
        ["AF_INET6", "SOCK_STREAM", "0"],
        ["AF_INET", "SOCK_DGRAM", "IPPROTO_UDP"],
        ["AF_INET6", "SOCK_DGRAM|SOCK_CLOEXEC", "0"],
        ["AF_NETLINK", "SOCK_RAW|SOCK_CLOEXEC", "NETLINK_ROUTE"],
        ["AF_NETLINK", "SOCK_DGRAM", "NETLINK_ROUTE"],
    ] {
        assert_eq!(socket(&parts, allowed), Verdict::Allow, "{allowed:?}");
    }
    for refused in [
        ["AF_INET", "SOCK_RAW", "IPPROTO_RAW"],
        ["AF_INET", "SOCK_RAW", "IPPROTO_ICMP"],
        ["AF_INET6", "SOCK_RAW|SOCK_CLOEXEC", "IPPROTO_ICMPV6"],
        ["AF_INET", "SOCK_DCCP", "IPPROTO_DCCP"],
        ["AF_INET", "SOCK_SEQPACKET", "IPPROTO_SCTP"],
        ["AF_UNIX", "SOCK_RAW", "0"],
        ["AF_UNIX", "SOCK_STREAM", "7"],
        ["AF_PACKET", "SOCK_RAW", "0"],
        ["AF_ALG", "SOCK_SEQPACKET", "0"],
        ["AF_VSOCK", "SOCK_STREAM", "0"],
        ["AF_TIPC", "SOCK_RDM", "0"],
        ["AF_XDP", "SOCK_RAW", "0"],
        ["AF_BLUETOOTH", "SOCK_RAW", "0"],
    ] {
        assert_eq!(socket(&parts, refused), EPERM, "{refused:?}");
    }
}

#[test]
fn protocols_with_a_plainer_one_to_fall_back_to_are_reported_as_missing() {
    let parts = Parts::new();
    for missing in [
        ["AF_INET", "SOCK_STREAM", "IPPROTO_MPTCP"],
        ["AF_INET6", "SOCK_STREAM|SOCK_CLOEXEC", "IPPROTO_SCTP"],
        ["AF_INET", "SOCK_DGRAM", "IPPROTO_UDPLITE"],
        ["AF_INET", "SOCK_DGRAM", "IPPROTO_ICMP"],
        // A datagram socket for TCP.
        ["AF_INET", "SOCK_DGRAM", "IPPROTO_TCP"],
        ["AF_NETLINK", "SOCK_RAW", "NETLINK_NETFILTER"],
        ["AF_NETLINK", "SOCK_RAW", "NETLINK_AUDIT"],
        ["AF_NETLINK", "SOCK_STREAM", "NETLINK_ROUTE"],
    ] {
        assert_eq!(socket(&parts, missing), EPROTONOSUPPORT, "{missing:?}");
    }
}

#[test]
fn pairs_are_local() {
    let parts = Parts::new();
    let pair = |[family, kind, protocol]: [&str; 3]| {
        parts.answer("socketpair", [number(family), number(kind), number(protocol), 0, 0, 0])
    };
    assert_eq!(pair(["AF_UNIX", "SOCK_STREAM|SOCK_NONBLOCK", "0"]), Verdict::Allow);
    for family in ["AF_VSOCK", "AF_TIPC", "AF_INET", "AF_NETLINK"] {
        assert_eq!(pair([family, "SOCK_STREAM", "0"]), EPERM, "{family}");
    }
    assert_eq!(pair(["AF_UNIX", "SOCK_RAW", "0"]), EPERM);
}

#[test]
fn options_that_programs_set_can_be_set_and_read() {
    let parts = Parts::new();
    for (level, name) in [
        ("SOL_SOCKET", "SO_REUSEADDR"),
        ("SOL_SOCKET", "SO_KEEPALIVE"),
        ("SOL_SOCKET", "SO_RCVTIMEO_NEW"),
        ("IPPROTO_TCP", "TCP_NODELAY"),
        ("IPPROTO_IP", "IP_TOS"),
        ("IPPROTO_IP", "IP_RECVERR"),
        ("IPPROTO_IPV6", "IPV6_V6ONLY"),
    ] {
        for call in ["setsockopt", "getsockopt"] {
            assert_eq!(option(&parts, call, level, name), Verdict::Allow, "{call} {name}");
        }
    }
    for (level, name) in [("SOL_SOCKET", "SO_ERROR"), ("IPPROTO_TCP", "TCP_INFO"), ("IPPROTO_IP", "IP_TTL")] {
        assert_eq!(option(&parts, "getsockopt", level, name), Verdict::Allow, "{name}");
        assert_eq!(option(&parts, "setsockopt", level, name), ENOPROTOOPT, "{name}");
    }
}

#[test]
fn the_server_decides_how_long_closing_waits() {
    let parts = Parts::new();
    assert_eq!(option(&parts, "setsockopt", "SOL_SOCKET", "SO_LINGER"), Verdict::Notify);
    assert_eq!(option(&parts, "getsockopt", "SOL_SOCKET", "SO_LINGER"), Verdict::Allow);
}

#[test]
fn options_that_lead_elsewhere_tell_of_the_host_or_load_programs_do_not_exist() {
    let parts = Parts::new();
    for (level, name) in [
        ("SOL_SOCKET", "SO_ATTACH_FILTER"),
        ("SOL_SOCKET", "SO_ATTACH_BPF"),
        ("SOL_SOCKET", "SO_ATTACH_REUSEPORT_CBPF"),
        ("SOL_SOCKET", "SO_ATTACH_REUSEPORT_EBPF"),
        ("SOL_SOCKET", "SO_DETACH_FILTER"),
        ("SOL_SOCKET", "SO_LOCK_FILTER"),
        ("SOL_SOCKET", "SO_BINDTODEVICE"),
        ("SOL_SOCKET", "SO_BINDTOIFINDEX"),
        ("SOL_SOCKET", "SO_MARK"),
        ("SOL_SOCKET", "SO_BUSY_POLL"),
        ("SOL_SOCKET", "SO_ZEROCOPY"),
        ("SOL_SOCKET", "SO_MAX_PACING_RATE"),
        ("SOL_SOCKET", "SO_TXTIME"),
        ("SOL_SOCKET", "SO_TIMESTAMP"),
        ("SOL_SOCKET", "SO_TIMESTAMPING"),
        ("SOL_SOCKET", "SO_INCOMING_CPU"),
        ("SOL_SOCKET", "SO_INCOMING_NAPI_ID"),
        ("SOL_SOCKET", "SO_COOKIE"),
        ("SOL_SOCKET", "SO_DONTROUTE"),
        ("SOL_SOCKET", "SO_OOBINLINE"),
        ("SOL_SOCKET", "SO_PRIORITY"),
        ("SOL_SOCKET", "SO_RCVBUFFORCE"),
        ("SOL_SOCKET", "SO_PEERSEC"),
        ("SOL_SOCKET", "SO_PEERGROUPS"),
        ("SOL_SOCKET", "SO_PASSPIDFD"),
        ("SOL_SOCKET", "SO_PEERPIDFD"),
        ("IPPROTO_TCP", "TCP_ULP"),
        ("IPPROTO_TCP", "TCP_REPAIR"),
        ("IPPROTO_TCP", "TCP_MD5SIG"),
        ("IPPROTO_TCP", "TCP_FASTOPEN"),
        ("IPPROTO_TCP", "TCP_FASTOPEN_CONNECT"),
        ("IPPROTO_IP", "IP_OPTIONS"),
        ("IPPROTO_IP", "IP_TRANSPARENT"),
        ("IPPROTO_IP", "IP_UNICAST_IF"),
        ("IPPROTO_IP", "IP_MULTICAST_IF"),
        ("IPPROTO_IP", "IP_ADD_MEMBERSHIP"),
        ("IPPROTO_IPV6", "IPV6_RTHDR"),
        ("IPPROTO_IPV6", "IPV6_HOPOPTS"),
        ("IPPROTO_IPV6", "IPV6_DSTOPTS"),
        ("IPPROTO_IPV6", "IPV6_PKTINFO"),
        ("IPPROTO_IPV6", "IPV6_FLOWLABEL_MGR"),
        ("IPPROTO_IPV6", "IPV6_ADD_MEMBERSHIP"),
        ("SOL_UDP", "0"),
        ("SOL_TLS", "1"),
        ("SOL_NETLINK", "1"),
        ("IPPROTO_RAW", "1"),
    ] {
        for call in ["setsockopt", "getsockopt"] {
            assert_eq!(option(&parts, call, level, name), ENOPROTOOPT, "{call} {name}");
        }
    }
    for name in ["TCP_CONGESTION", "TCP_MAXSEG"] {
        assert_eq!(option(&parts, "setsockopt", "IPPROTO_TCP", name), ENOPROTOOPT, "{name}");
    }
}

#[test]
fn a_socket_is_connected_by_the_server_or_not_at_all() {
    let parts = Parts::new();
    assert_eq!(parts.answer("connect", [0; 6]), Verdict::Notify);
    for (call, flags) in [("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)] {
        for allowed in ["0", "MSG_NOSIGNAL", "MSG_NOSIGNAL|MSG_DONTWAIT|MSG_MORE"] {
            assert_eq!(parts.with(call, flags, allowed), Verdict::Allow, "{call} {allowed}");
        }
        for refused in
            ["MSG_FASTOPEN", "MSG_FASTOPEN|MSG_NOSIGNAL", "MSG_DONTROUTE", "MSG_ZEROCOPY", "MSG_CONFIRM", "MSG_OOB"]
        {
            assert_eq!(parts.with(call, flags, refused), EOPNOTSUPP, "{call} {refused}");
        }
    }
}

#[test]
fn a_socket_does_not_tell_of_its_network() {
    let parts = Parts::new();
    for request in (0x8900_u64..0x8C00).filter(|request| *request != 0x8914) {
        assert_eq!(parts.answer("ioctl", [3, request, 0, 0, 0, 0]), ENOTTY, "{request:#x}");
    }
    for request in ["FIONBIO", "FIONREAD"] {
        assert_eq!(parts.with("ioctl", 1, request), Verdict::Allow, "{request}");
    }
}

#[test]
fn what_is_received_is_data_and_no_reports_of_routers() {
    let parts = Parts::new();
    for (call, flags) in [("recvfrom", 3), ("recvmsg", 2), ("recvmmsg", 3)] {
        for allowed in ["0", "MSG_PEEK|MSG_DONTWAIT", "MSG_TRUNC|MSG_CMSG_CLOEXEC", "MSG_WAITALL|MSG_NOSIGNAL"] {
            assert_eq!(parts.with(call, flags, allowed), Verdict::Allow, "{call} {allowed}");
        }
        for reports in ["MSG_ERRQUEUE", "MSG_ERRQUEUE|MSG_DONTWAIT|MSG_PEEK"] {
            assert_eq!(parts.with(call, flags, reports), Verdict::Errno(11), "{call} {reports}");
        }
        // The number is `MSG_SOCK_DEVMEM`.
        for refused in ["MSG_OOB", "MSG_OOB|MSG_ERRQUEUE", "33554432"] {
            assert_eq!(parts.with(call, flags, refused), EINVAL, "{call} {refused}");
        }
    }
}
