//! The servers at the other end of the wire, at all of its addresses: HTTP, HTTPS, a database, and a resolver.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use dns_domain::base::iana::{Rcode, Rtype};
use dns_domain::base::{Message, MessageBuilder, ToName as _, Ttl};
use dns_domain::rdata::{A, Aaaa, Txt};
use rcgen::CertifiedKey;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::test_network::{Accepted, PRIVATE, PUBLIC, PUBLIC_V6, RESOLVER, SILENT};

/// The certificate of the TLS server, for `public.example`.
static CERTIFIED: LazyLock<CertifiedKey<rcgen::KeyPair>> =
    LazyLock::new(|| rcgen::generate_simple_self_signed(["public.example".to_owned()]).unwrap());

/// Returns the certificate in PEM, for clients.
pub(super) fn certificate() -> String {
    CERTIFIED.cert.pem()
}

/// The number of addresses of `big.example`: more than fit into a datagram of 512 bytes.
pub(super) const BIG: u8 = 200;

/// Starts all servers.
pub(super) async fn start(accepted: Accepted) {
    let listen = |port| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port));
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(
        vec![CERTIFIED.cert.der().clone()],
        PrivatePkcs8KeyDer::from(CERTIFIED.signing_key.serialize_der()).into(),
    );
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    tokio::spawn(serve(listen(80).await.unwrap(), Arc::clone(&accepted), web));
    tokio::spawn(serve(listen(8080).await.unwrap(), Arc::clone(&accepted), web));
    tokio::spawn(serve(listen(5432).await.unwrap(), Arc::clone(&accepted), database));
    let over_tls = move |stream, local| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                web(stream, local).await;
            }
        }
    };
    tokio::spawn(serve(listen(443).await.unwrap(), accepted, over_tls));
    tokio::spawn(names_by_datagram(UdpSocket::bind((RESOLVER, 53)).await.unwrap()));
    tokio::spawn(names_by_connection(TcpListener::bind((RESOLVER, 53)).await.unwrap()));
}

async fn serve<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    accepted: Accepted,
    handle: impl Fn(TcpStream, IpAddr) -> F,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let local = stream.local_addr().unwrap().ip().to_canonical();
        *accepted.lock().unwrap().entry(local).or_default() += 1;
        tokio::spawn(handle(stream, local));
    }
}

/// Responds to one request with the address on which it arrived.
async fn web(mut stream: impl AsyncRead + AsyncWrite + Unpin, local: IpAddr) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let body = format!("hello from {local}");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Speaks the beginning of Postgres' protocol: refuses TLS, greets a client that sends its startup message, then
/// echoes.
async fn database(mut stream: TcpStream, _: IpAddr) {
    let conversation = async {
        let mut request = [0; 8];
        stream.read_exact(&mut request).await?;
        assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "a request for TLS");
        stream.write_all(b"N").await?;
        let mut startup = vec![0; usize::try_from(stream.read_u32().await?).unwrap() - 4];
        stream.read_exact(&mut startup).await?;
        stream.write_all(b"R\0\0\0\x08\0\0\0\0").await?;
        let (mut reads, mut writes) = stream.split();
        tokio::io::copy(&mut reads, &mut writes).await
    };
    let _: std::io::Result<u64> = conversation.await;
}

async fn names_by_datagram(socket: UdpSocket) {
    let mut bytes = [0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
        if let Some(response) = respond(&bytes[..length], 512) {
            socket.send_to(&response, from).await.unwrap();
        }
    }
}

async fn names_by_connection(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut query = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut query).await.unwrap();
        let response = respond(&query, usize::MAX).unwrap();
        let length = u16::try_from(response.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length, response.as_slice()].concat()).await.unwrap();
    }
}

fn addresses_of(name: &str) -> Option<Vec<IpAddr>> {
    let known = |addresses: &[&str]| Some(addresses.iter().map(|address| address.parse().unwrap()).collect());
    match name {
        "public.example"
        | "www.allowed.example"
        | "a.b.allowed.example"
        | "db.example.net"
        | "allowed.example"
        | "evil.example" => known(&[PUBLIC]),
        "v6.example" => known(&[PUBLIC_V6]),
        "both.example" => known(&[PUBLIC, PUBLIC_V6]),
        "silent.example" => known(&[SILENT]),
        "rebind.example" | "rebind.allowed.example" => known(&[PRIVATE]),
        "metadata.example" => known(&["169.254.169.254", "fd00:ec2::254"]),
        "big.example" => Some((1..=BIG).map(|last| IpAddr::from([93, 184, 215, last])).collect()),
        _ => None,
    }
}

/// Returns the response to a query, truncated if it is longer than `most` bytes.
fn respond(query: &[u8], most: usize) -> Option<Vec<u8>> {
    let message = Message::from_octets(query).ok()?;
    let question = message.sole_question().ok()?;
    let (name, ttl) = (question.qname().to_vec(), Ttl::from_secs(60));
    let found = addresses_of(&name.to_string().to_ascii_lowercase());
    let code = if found.is_some() { Rcode::NOERROR } else { Rcode::NXDOMAIN };
    let begin = || {
        let mut answer = MessageBuilder::new_vec().start_answer(&message, code).ok()?;
        // Without this bit (recursion available), clients do not believe an empty response.
        answer.header_mut().set_ra(true);
        Some(answer)
    };
    let mut answer = begin()?;
    for address in found.iter().flatten() {
        match (address, question.qtype()) {
            (IpAddr::V4(address), Rtype::A) => answer.push((&name, ttl, A::from(*address))).ok()?,
            (IpAddr::V6(address), Rtype::AAAA) => answer.push((&name, ttl, Aaaa::from(*address))).ok()?,
            _ => {}
        }
    }
    if question.qtype() == Rtype::TXT && found.is_some() {
        let text: Txt<Vec<u8>> = Txt::build_from_slice(b"text of the test").ok()?;
        answer.push((&name, ttl, text)).ok()?;
    }
    let whole = answer.finish();
    if whole.len() <= most {
        return Some(whole);
    }
    let mut cut = begin()?;
    cut.header_mut().set_tc(true);
    Some(cut.finish())
}
