//! The network options of the server. The connections that these tests try lead nowhere; the engine's tests cover what
//! can be reached.

use serde_json::json;

use crate::support::local::TestServer;

const CODE: &str = "import net from 'node:net';
    const tcp = (host: string, port: number) => new Promise((done) => {
        const socket = net.connect(port, host, () => { done('connected'); socket.destroy() });
        socket.on('error', (error: NodeJS.ErrnoException) => done(error.code)) });
    const own = () => new Promise((done) => {
        const server = net.createServer((socket) => socket.end()).listen(0, '127.0.0.1', async () => {
            done(await tcp('127.0.0.1', server.address().port)); server.close() }) });
    const name = (url: string) => fetch(url).catch((error) => error.cause.code);
    export const f = async () => [await tcp('10.1.2.3', 80), await tcp('169.254.169.254', 80), await name('http://example.com/'), await own()]";

/// Returns the result of an invocation, and the lines of the metrics about its network that are not zero.
async fn found(arguments: &[&str]) -> (serde_json::Value, Vec<String>) {
    let server = TestServer::start(arguments);
    let id = server.deploy(CODE).await;
    let (status, body) = server.call(&id, "f", &json!({})).await;
    assert_eq!(status, 200, "{body}");
    let metrics = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    // A name is looked up twice, once for each kind of address.
    let counted = metrics.lines().filter(|line| line.starts_with("workers_network_") && !line.ends_with(" 0"));
    (body["result"].clone(), counted.map(str::to_owned).collect())
}

#[tokio::test]
async fn what_a_policy_denies_is_denied_at_once_and_counted() {
    let (result, counted) = found(&["--network", "deny-all"]).await;
    assert_eq!(result, json!(["EACCES", "EACCES", "ENOTFOUND", "connected"]));
    let expected = [
        "workers_network_connections_total{verdict=\"policy\"} 2",
        "workers_network_lookups_total{verdict=\"policy\"} 2",
    ];
    assert_eq!(counted, expected);
}

#[tokio::test]
async fn a_list_names_what_is_reached_and_opens_no_closed_address() {
    let (result, counted) = found(&["--network", "db.example.net:5432,10.0.0.0/8"]).await;
    assert_eq!(result, json!(["EACCES", "EACCES", "ENOTFOUND", "connected"]));
    let expected = [
        "workers_network_connections_total{verdict=\"closed_address\"} 1",
        "workers_network_connections_total{verdict=\"policy\"} 1",
        "workers_network_lookups_total{verdict=\"policy\"} 2",
    ];
    assert_eq!(counted, expected);
}
