//! Tests what a sandbox can and cannot reach in the network. The tests build a network of their own, which needs root
//! for its namespaces.

mod native;
mod servers;
mod test_network;
mod transfer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use workers_domain::ports::{NetworkObserver, SandboxProvider as _, SandboxSource, SandboxSpec};
use workers_domain::{NetworkDenial, ResourceLimits};
use workers_engine::{Engine, Isolation, NetworkOptions, Templates};

use self::servers::{BIG, certificate};
use self::test_network::{OWN, PRIVATE, PUBLIC, PUBLIC_V6, SILENT, TestNetwork};
use crate::support::{finish, forked, options, start};

/// The first lines of every script: short functions for attempts. Each returns the result, or the code of an error.
const PRELUDE: &str = "
const net = require('net'), dns = require('dns'), http = require('http'), https = require('https');
const code = (error) => error.cause?.errors?.[0]?.code ?? error.cause?.code ?? error.errors?.[0]?.code ?? error.code ?? String(error);
const attempt = (promise) => promise.catch(code);
const web = (url) => attempt(fetch(url).then((response) => response.text()));
const tcp = (host, port) => attempt(new Promise((done, fail) => { const socket = net.connect({ host, port });
    socket.on('connect', () => { done('connected to ' + socket.remoteAddress); socket.destroy() }); socket.on('error', fail) }));
const print = (...values) => console.log(values.map((value) => typeof value === 'string' ? value : JSON.stringify(value)).join(' '));
";

/// The counters of an observer.
#[derive(Default)]
struct Counts(Mutex<HashMap<&'static str, usize>>);

impl Counts {
    fn count(&self, what: &'static str) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }

    fn of(&self, what: &str) -> usize {
        self.0.lock().unwrap().get(what).copied().unwrap_or_default()
    }
}

impl NetworkObserver for Counts {
    fn connection(&self, verdict: Result<(), NetworkDenial>) {
        self.count(verdict.map_or_else(NetworkDenial::as_str, |()| "allowed"));
    }

    fn lookup(&self, permitted: bool) {
        self.count(if permitted { "found" } else { "refused" });
    }
}

/// An engine in a test network.
struct Fixture {
    network: TestNetwork,
    engine: Engine,
    counts: Arc<Counts>,
    _directory: tempfile::TempDir,
}

impl Fixture {
    async fn sandbox(&self, policy: &str) -> Box<dyn workers_domain::ports::Sandbox> {
        let (source, network) = (SandboxSource::Empty, policy.parse().unwrap());
        self.engine
            .create(SandboxSpec { source, limits: ResourceLimits::default(), network, kept_for: None })
            .await
            .unwrap()
    }

    /// Runs a script under a policy in a node that was started, and returns its output.
    async fn started(&self, policy: &str, script: &str) -> String {
        let sandbox = self.sandbox(policy).await;
        let output = finish(&mut *start(&*sandbox, &format!("{PRELUDE}{script}")).await).await.output;
        sandbox.stop().await.unwrap();
        output
    }

    /// Does the same in a node that was forked. Both outputs must be equal.
    async fn prints(&self, policy: &str, script: &str) -> String {
        let sandbox = self.sandbox(policy).await;
        let forked = finish(&mut *forked::start(&*sandbox, &format!("{PRELUDE}{script}")).await).await.output;
        sandbox.stop().await.unwrap();
        assert_eq!(
            self.started(policy, script).await,
            forked,
            "the first one in a started node, the second one in a forked one"
        );
        forked
    }
}

/// Runs a test in a test network.
fn test<F: Future<Output = ()>>(open: &[&str], run: impl FnOnce(Arc<Fixture>) -> F) {
    workers_testing::skip_unless_root("the test makes network namespaces");
    let network = TestNetwork::enter();
    // The runtime's threads start from this one, so they are in the host's namespace.
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let counts = Arc::new(Counts::default());
        let network_options = NetworkOptions {
            open: open.iter().map(|range| range.parse().unwrap()).collect(),
            resolvers: vec![TestNetwork::resolver()],
            observer: Arc::clone(&counts) as Arc<dyn NetworkObserver>,
        };
        let mut options = options(directory.path(), Isolation::Full);
        (options.network, options.templates) = (network_options, Templates::Shared);
        let engine = Engine::start(options).await.unwrap();
        assert!(engine.has_templates().await);
        let fixture = Arc::new(Fixture { network, engine, counts, _directory: directory });
        run(Arc::clone(&fixture)).await;
        fixture.engine.shutdown().await;
    });
}

#[test]
fn clients_of_all_kinds_reach_public_addresses() {
    test(&[], |fixture| async move {
        let script = "(async () => {
            print(await web('http://public.example/'));
            print(await web('http://93.184.216.34:8080/'));
            print(await web('http://v6.example/'));
            print(await web('http://[2606:2800:220:1::34]/'));
            print((await web('http://both.example/')).slice(0, 10));
            print(await tcp('public.example', 5432), await tcp('::ffff:93.184.216.34', 5432));
        })()";
        let expected = format!(
            "hello from {PUBLIC}\nhello from {PUBLIC}\nhello from {PUBLIC_V6}\nhello from {PUBLIC_V6}\nhello from\n\
             connected to {PUBLIC} connected to ::ffff:{PUBLIC}"
        );
        assert_eq!(fixture.prints("allow-all", script).await, expected);
        let over_tls = format!(
            "https.get('https://public.example/', {{ ca: {:?} }}, (response) => response.on('data', (data) => print(String(data))))
                .on('error', (error) => print(code(error)))",
            certificate()
        );
        assert_eq!(fixture.prints("allow-all", &over_tls).await, format!("hello from {PUBLIC}"));
    });
}

#[test]
fn a_database_driver_of_its_own_making_speaks_with_its_server() {
    test(&[], |fixture| async move {
        let script = "
            const socket = net.connect({ host: 'db.example.net', port: 5432, noDelay: true, keepAlive: true });
            socket.on('error', (error) => print(code(error)));
            socket.once('connect', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
            socket.once('data', (data) => { print(String(data));
                const startup = Buffer.from('user\\0me\\0\\0'); const head = Buffer.alloc(8);
                head.writeUInt32BE(8 + startup.length, 0); head.writeUInt32BE(196608, 4);
                socket.write(Buffer.concat([head, startup]));
                socket.once('data', (data) => { print(data[0] === 82 && data.length === 9);
                    const large = Buffer.alloc(3_000_000, 'x'); let received = 0;
                    socket.on('data', (data) => { received += data.length; if (received === large.length) { print(received); socket.end() } });
                    socket.write(large) }) });";
        assert_eq!(fixture.prints("db.example.net:5432", script).await, "N\ntrue\n3000000");
    });
}

#[test]
fn names_are_looked_up_in_every_way() {
    test(&[], |fixture| async move {
        let script = "const { lookup, resolve4, resolve6, resolveTxt, Resolver } = dns.promises; (async () => {
            print((await lookup('public.example')).address, (await lookup('v6.example')).address);
            print((await lookup('both.example', { all: true })).map((found) => found.family).sort());
            print(await resolve4('public.example'), await resolve6('v6.example'), await resolveTxt('public.example'));
            print((await resolve4('big.example')).length, (await lookup('big.example', { all: true })).length);
            print(await attempt(lookup('missing.example')), await attempt(resolve4('missing.example')), await attempt(resolve6('public.example')));
            print(dns.getServers(), (await new Resolver().resolve4('public.example')));
            print((await lookup('localhost')).address.length > 2);
            print((await Promise.all(Array.from({ length: 40 }, () => resolve4('public.example')))).flat().length);
        })()";
        let expected = format!(
            "{PUBLIC} {PUBLIC_V6}\n[4,6]\n[\"{PUBLIC}\"] [\"{PUBLIC_V6}\"] [[\"text of the test\"]]\n{BIG} {BIG}\n\
             ENOTFOUND ENOTFOUND ENODATA\n[\"127.0.0.53\"] [\"{PUBLIC}\"]\ntrue\n40"
        );
        assert_eq!(fixture.prints("allow-all", script).await, expected);
    });
}

#[test]
fn under_deny_all_nothing_is_reached_and_attempts_fail_at_once() {
    test(&["0.0.0.0/0", "::/0"], |fixture| async move {
        let script = format!(
            "(async () => {{
            print(await web('http://public.example/'), await web('http://{PUBLIC}/'), await web('http://[{PUBLIC_V6}]/'));
            print(await tcp('{PUBLIC}', 80), await tcp('{SILENT}', 80), await tcp('{PRIVATE}', 80));
            print(await attempt(dns.promises.lookup('public.example')), await attempt(dns.promises.resolve4('public.example')));
            const times = [];
            for (let round = 0; round < 9; round++) {{
                const began = performance.now(); await tcp('{SILENT}', 80); times.push(performance.now() - began) }}
            print(times.sort((one, other) => one - other)[4] < 10 || times);
        }})()"
        );
        let expected = "ENOTFOUND EACCES EACCES\nEACCES EACCES EACCES\nENOTFOUND ENOTFOUND\ntrue";
        assert_eq!(fixture.prints("deny-all", &script).await, expected);
        assert_eq!(fixture.network.accepted_at(PUBLIC), 0);
        let message = "net.connect(80, '93.184.216.34').on('error', (error) => print(error.message))";
        let printed = fixture.prints("deny-all", message).await;
        assert!(printed.starts_with("connect EACCES 93.184.216.34:80"), "{printed}");
    });
}

#[test]
fn closed_addresses_stay_closed_in_every_form_and_under_every_name() {
    test(&[], |fixture| async move {
        // A server listens here, so a refusal is not just a closed port.
        let own = tokio::net::TcpListener::bind((OWN, 80)).await.unwrap();
        let script = format!(
            "(async () => {{ const closed = ['{PRIVATE}', '::ffff:{PRIVATE}', '192.168.7.7', '172.16.5.5', '169.254.169.254', '100.64.0.9',
                '::ffff:169.254.169.254', 'fd00:ec2::254', '64:ff9b::a01:203', '::7f00:1', '198.18.0.1', '198.18.0.2', 'fd77::1', 'fe80::1',
                '224.0.0.1', '255.255.255.255', '{OWN}', '::ffff:{OWN}', '64:ff9b::5db8:d801'];
            for (const address of closed) {{ const got = await tcp(address, 80); if (got !== 'EACCES') print(address, got) }}
            print(await web('http://rebind.example/'), await web('http://metadata.example/latest/meta-data/'));
            print(await dns.promises.resolve4('rebind.example'));
        }})()"
        );
        assert_eq!(fixture.prints("allow-all", &script).await, format!("EACCES EACCES\n[\"{PRIVATE}\"]"));
        for address in [PRIVATE, "169.254.169.254", "fd00:ec2::254", "64:ff9b::a01:203"] {
            assert_eq!(fixture.network.accepted_at(address), 0, "{address}");
        }
        let no_connection =
            std::future::poll_fn(|context| std::task::Poll::Ready(own.poll_accept(context).is_pending()));
        assert!(no_connection.await, "the host's own public address is closed");
    });
}

#[test]
fn what_the_operator_has_opened_is_open() {
    test(&["10.1.0.0/16", "93.184.216.1"], |fixture| async move {
        let own = tokio::net::TcpListener::bind((OWN, 80)).await.unwrap();
        let script = format!(
            "(async () => print(await web('http://{PRIVATE}/'), await web('http://rebind.example/'), await tcp('{OWN}', 80),
                await tcp('192.168.7.7', 80), await tcp('::ffff:{PRIVATE}', 80)))()"
        );
        let hello = format!("hello from {PRIVATE}");
        let expected = format!("{hello} {hello} connected to {OWN} EACCES connected to ::ffff:{PRIVATE}");
        assert_eq!(fixture.prints("allow-all", &script).await, expected);
        let expected = "EACCES ENOTFOUND EACCES EACCES EACCES";
        assert_eq!(fixture.prints("public.example", &script).await, expected);
        drop(own);
    });
}

#[test]
fn a_list_opens_the_names_and_ports_on_it_and_nothing_else() {
    test(&[], |fixture| async move {
        let script = format!(
            "(async () => {{
            print(await tcp('{PUBLIC}', 80), await tcp('{PUBLIC}', 5432));
            print(await web('http://www.allowed.example/'), await web('http://a.b.allowed.example/'));
            print(await web('http://allowed.example/'), await web('http://evil.example/'), await attempt(dns.promises.resolve4('evil.example')));
            print(await web('http://www.allowed.example:8080/'), await tcp('www.allowed.example', 5432));
            print(await tcp('db.example.net', 5432), await tcp('db.example.net', 8080));
            print(await web('http://rebind.allowed.example/'));
            print(await tcp('2606:2800:220:1::34', 8080), await tcp('2606:2800:220:1::34', 80));
        }})()"
        );
        let expected = format!(
            "EACCES EACCES\nhello from {PUBLIC} hello from {PUBLIC}\nENOTFOUND ENOTFOUND ENOTFOUND\nEACCES EACCES\n\
             connected to {PUBLIC} EACCES\nEACCES\nconnected to {PUBLIC_V6} EACCES"
        );
        let policy = "*.allowed.example,db.example.net:5432,[2606:2800:220::/48]:8080";
        assert_eq!(fixture.prints(policy, &script).await, expected);
        assert_eq!(fixture.network.accepted_at(PRIVATE), 0);
    });
}

#[test]
fn a_list_is_not_passed_by_a_name_whose_labels_only_look_like_it() {
    test(&[], |fixture| async move {
        // Each label has its length in front, so a dot within a label is not a border between two labels.
        let script = "const query = (...labels) => new Promise((done) => {
            const name = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')]);
            const socket = require('dgram').createSocket('udp4');
            socket.on('message', (response) => { socket.close(); done(response[3] & 15) });
            const message = Buffer.concat([Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...name, Buffer.from([0, 0, 1, 0, 1])]);
            socket.connect(53, '127.0.0.53', () => socket.send(message)) });
        (async () => {
            print(await query('www', 'allowed', 'example'), await query('WWW', 'ALLOWED', 'Example'));
            print(await query('www.allowed.example'), await query('www.allowed', 'example'), await query('evil', 'www.allowed.example'));
            print(await query('evil\\x00', 'allowed', 'example'), await query('evil\\\\', 'allowed', 'example'), await query('\\xe9', 'allowed', 'example'));
        })()";
        assert_eq!(fixture.prints("*.allowed.example", script).await, "0 0\n3 3 3\n3 3 3");
        assert_eq!((fixture.counts.of("found"), fixture.counts.of("refused")), (4, 12));
    });
}

#[test]
fn what_a_worker_starts_is_under_the_same_policy() {
    test(&[], |fixture| async move {
        let attempts = "(async () => [await tcp('93.184.216.34', 80), await tcp('10.1.2.3', 80), await web('http://public.example/')].join())()";
        let script = format!(
            "const inner = {:?};
            const {{ Worker }} = require('worker_threads'), {{ execFile }} = require('child_process');
            new Worker(inner + `.then((got) => require('worker_threads').parentPort.postMessage(got))`, {{ eval: true }}).on('message', (got) => {{
                print(got);
                execFile('/usr/bin/node', ['-e', inner + '.then(console.log)'], (error, stdout) => print(error?.message ?? stdout.trim())) }})",
            format!("{PRELUDE}{attempts}")
        );
        let each = format!("connected to {PUBLIC},EACCES,hello from {PUBLIC}");
        assert_eq!(fixture.prints("allow-all", &script).await, format!("{each}\n{each}"));
        assert_eq!(fixture.prints("deny-all", &script).await, "EACCES,EACCES,ENOTFOUND\nEACCES,EACCES,ENOTFOUND");
    });
}

#[test]
fn a_sandbox_reaches_its_own_servers_and_no_other_sandbox_does() {
    test(&[], |fixture| async move {
        let script = "
            const fs = require('fs'), dgram = require('dgram');
            const greet = (...where) => new Promise((done) => { const server = net.createServer((socket) => socket.end('own'));
                server.listen(...where, () => done(server)) });
            const read = (...where) => attempt(new Promise((done, fail) => net.connect(...where).on('data', (data) => done(String(data))).on('error', fail)));
            (async () => {
                const servers = [await greet(8080, '0.0.0.0'), await greet(8081, '::1'), await greet('/tmp/socket'), await greet('relative'), await greet('\\0abstract')];
                fs.symlinkSync('/tmp/socket', '/tmp/link');
                print(await read(8080, '127.0.0.1'), await read(8080, '127.8.9.1'), await read(8080, '0.0.0.0'), await read(8080, 'localhost'));
                print(await read(8081, '::1'), await read(8080, '::ffff:127.0.0.1'), await read(8082, '127.0.0.1'));
                print(await read('/tmp/socket'), await read('/tmp/link'), await read('relative'), await read('\\0abstract'));
                print(await read('/tmp/missing'), await read('/proc/self/root/tmp/socket').catch(() => 'x') !== 'x');
                fs.unlinkSync('relative');
                const receiver = dgram.createSocket('udp4'), sender = dgram.createSocket('udp4');
                receiver.on('message', (message) => { print(String(message)); receiver.close(); sender.close(); for (const server of servers) server.close() });
                receiver.bind(0, '127.0.0.1', () => sender.connect(receiver.address().port, '127.0.0.1', () => sender.send('datagram')));
            })()";
        let own = "own own own own\nown own ECONNREFUSED\nown own own own\nENOENT true\ndatagram";
        for policy in ["allow-all", "deny-all"] {
            assert_eq!(fixture.prints(policy, script).await, own);
        }
        // While one sandbox listens, another one tries to connect.
        let sandbox = fixture.sandbox("allow-all").await;
        let listens = format!("{PRELUDE}net.createServer(() => {{}}).listen(8080, '0.0.0.0', () => print('listens'))");
        let mut listening = start(&*sandbox, &listens).await;
        let first = listening.next_event().await.unwrap().unwrap();
        assert!(matches!(first, workers_domain::ports::CommandEvent::Output { .. }), "{first:?}");
        let tries = "(async () => print(await tcp('127.0.0.1', 8080), await tcp('::1', 8080)))()";
        assert_eq!(fixture.prints("allow-all", tries).await, "ECONNREFUSED ECONNREFUSED");
        sandbox.stop().await.unwrap();
    });
}

#[test]
fn connections_and_lookups_are_counted_by_their_verdict() {
    test(&[], |fixture| async move {
        let script = format!(
            "(async () => {{ await tcp('{PUBLIC}', 80); await tcp('{PUBLIC}', 81); await tcp('{PRIVATE}', 80); await tcp('127.0.0.1', 80);
                await attempt(dns.promises.resolve4('public.example'));
                const socket = require('dgram').createSocket('udp4'); socket.on('error', (error) => print(code(error)));
                socket.connect(53, '{PUBLIC}', (error) => {{ print(code(error)); socket.close() }}); }})()"
        );
        assert_eq!(fixture.started("allow-all", &script).await, "EACCES");
        let count = |what| fixture.counts.of(what);
        assert_eq!([count("allowed"), count("closed_address"), count("protocol"), count("policy")], [2, 1, 1, 0]);
        assert_eq!([count("found"), count("refused")], [1, 0]);
        let refused = format!(
            "(async () => {{ await tcp('{PUBLIC}', 80); await attempt(dns.promises.resolve4('public.example')) }})()"
        );
        fixture.started("deny-all", &refused).await;
        assert_eq!([count("allowed"), count("policy"), count("refused")], [2, 1, 1]);
        // The C library connects datagram sockets to find out which address to prefer. That is no attempt to reach
        // anything, and is not counted.
        fixture.started("allow-all", "dns.lookup('both.example', { all: true }, () => {})").await;
        assert_eq!([count("protocol"), count("found")], [1, 3]);
    });
}

#[test]
fn an_installed_socket_has_the_flags_of_the_one_it_replaces() {
    test(&[], |fixture| async move {
        let script = "const socket = net.connect(80, '93.184.216.34', () => {
            const fdinfo = require('fs').readFileSync('/proc/self/fdinfo/' + socket._handle.fd, 'utf8');
            print((parseInt(/flags:\\s*(\\d+)/.exec(fdinfo)[1], 8) & 0o2004000).toString(8)); socket.destroy() })";
        // The socket is closed at exec, and does not block.
        assert_eq!(fixture.prints("allow-all", script).await, "2004000");
    });
}

#[test]
fn connections_to_a_silent_address_hold_up_no_others() {
    test(&[], |fixture| async move {
        let script = format!(
            "const began = performance.now(), sockets = Array.from({{ length: 64 }}, () => net.connect(80, '{SILENT}').on('error', () => {{}}));
            setImmediate(async () => {{ print(performance.now() - began < 2000, await web('http://public.example/'));
                const all = await Promise.all(Array.from({{ length: 50 }}, () => web('http://public.example/')));
                print(all.filter((got) => got === 'hello from {PUBLIC}').length, sockets.every((socket) => socket.connecting));
                for (const socket of sockets) socket.destroy() }})"
        );
        assert_eq!(fixture.prints("allow-all", &script).await, format!("true hello from {PUBLIC}\n50 true"));
    });
}

#[test]
fn a_sandbox_that_connects_in_a_loop_holds_up_no_other() {
    test(&[], |fixture| async move {
        let sandbox = fixture.sandbox("allow-all").await;
        let flood = format!(
            "{PRELUDE}print('floods'); const connect = () => net.connect(80, '{PRIVATE}').on('error', connect);
             for (let one = 0; one < 64; one++) connect(); for (let one = 0; one < 64; one++) {{
                const look = () => dns.resolve4('missing.example', look); look() }}"
        );
        let mut flooding = start(&*sandbox, &flood).await;
        let first = flooding.next_event().await.unwrap().unwrap();
        assert!(matches!(first, workers_domain::ports::CommandEvent::Output { .. }), "{first:?}");
        for _ in 0..3 {
            assert_eq!(
                fixture.prints("allow-all", "web('http://public.example/').then(print)").await,
                format!("hello from {PUBLIC}")
            );
        }
        sandbox.stop().await.unwrap();
    });
}

#[test]
fn connections_end_with_their_sandbox() {
    test(&[], |fixture| async move {
        let sandbox = fixture.sandbox("allow-all").await;
        let script = format!("{PRELUDE}net.connect(5432, '{PUBLIC}', () => print('connected'))");
        let mut command = start(&*sandbox, &script).await;
        let first = command.next_event().await.unwrap().unwrap();
        assert!(matches!(first, workers_domain::ports::CommandEvent::Output { .. }), "{first:?}");
        let established = || {
            std::fs::read_to_string("/proc/thread-self/net/tcp")
                .unwrap()
                .lines()
                .filter(|line| line.contains("22D8B85D:1538 01"))
                .count()
        };
        assert_eq!(established(), 1);
        sandbox.stop().await.unwrap();
        assert_eq!(established(), 0);
    });
}
