//! Networks that a worker must not reach. The layers that stop it: the network namespace, which has a loopback
//! interface and nothing else, and the broker, the only process that can give it a socket of another network.
//! `tests/it/network` tests what it may reach.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use super::super::support::{TestEngine, unique};

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_loopback_and_private_networks_are_out_of_reach() {
    let engine = TestEngine::isolated().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let script = format!(
        "const net = require('net'); const attempt = (options) => new Promise((done) => {{
            const socket = net.connect(options, () => done('connected')); socket.on('error', (error) => done(error.code)) }});
         (async () => {{ console.log(await attempt({{ host: '127.0.0.1', port: {} }}));
            console.log(await attempt({{ host: '192.0.2.1', port: 80 }}));
            console.log(await attempt({{ host: '169.254.169.254', port: 80 }}));
            console.log(Object.keys(require('os').networkInterfaces()).join()) }})()",
        listener.local_addr().unwrap().port()
    );
    assert_eq!(engine.node(&script).await.output, "ECONNREFUSED\nEACCES\nEACCES\nlo");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandboxs_own_loopback_works() {
    let engine = TestEngine::isolated().await;
    let script = "const net = require('net'); const server = net.createServer((socket) => socket.end('hello'));
        server.listen(0, '127.0.0.1', () => net.connect(server.address().port).on('data', (data) => {
            console.log(String(data)); server.close() }))";
    assert_eq!(engine.node(script).await.output, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_abstract_sockets_are_out_of_reach() {
    let engine = TestEngine::isolated().await;
    let name = unique();
    let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let script = format!(
        "require('net').connect('\\0{name}', () => console.log('connected')).on('error', (error) => console.log(error.code))"
    );
    assert_eq!(engine.node(&script).await.output, "ECONNREFUSED");
}
