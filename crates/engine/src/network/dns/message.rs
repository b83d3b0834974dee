//! The DNS messages between a sandbox and its name server.

use std::net::IpAddr;

use dns_domain::base::iana::{Class, Opcode, Rcode, Rtype};
use dns_domain::base::name::{Label, ParsedName, ToLabelIter};
use dns_domain::base::{Message, MessageBuilder, Question, ToName};
use dns_domain::rdata::{A, Aaaa};
use workers_domain::DomainName;

/// The longest response in a datagram that we request from a resolver, in bytes: it fits into a packet on all networks.
const DATAGRAM: u16 = 1232;

/// A query of a sandbox.
#[derive(Debug)]
pub(super) struct Query {
    id: u16,
    /// The name; `None` for one that no host can have.
    pub(super) name: Option<DomainName>,
    /// The query that is sent to resolvers. It is built anew from the parsed parts, so that the host's resolvers
    /// receive nothing else.
    pub(super) message: Vec<u8>,
}

/// A parsed message of a sandbox.
#[derive(Debug)]
pub(super) enum Parsed {
    /// A query that can be passed on to resolvers.
    Query(Query),
    /// A query that is refused; with the response.
    Refused(Vec<u8>),
    /// A message that gets no response.
    Ignored,
}

impl Query {
    /// Parses a query. The one for the resolvers gets this id.
    pub(super) fn parse(bytes: &[u8], id: u16) -> Parsed {
        let Ok(message) = Message::from_octets(bytes) else { return Parsed::Ignored };
        // Two servers that respond to responses could go on with that for ever.
        if message.header().qr() {
            return Parsed::Ignored;
        }
        if message.header().opcode() != Opcode::QUERY {
            return refusal(bytes, Rcode::NOTIMP);
        }
        let Ok(question) = message.sole_question() else { return refusal(bytes, Rcode::FORMERR) };
        let whole_zones = [Rtype::AXFR, Rtype::IXFR];
        if question.qclass() != Class::IN || whole_zones.contains(&question.qtype()) {
            return refusal(bytes, Rcode::REFUSED);
        }
        match rebuild(&message, &question, id) {
            Some(rebuilt) => {
                let labels = question.qname().iter_labels().filter(|label| !label.is_root()).map(Label::as_slice);
                let name = DomainName::from_labels(labels).ok();
                Parsed::Query(Self { id: message.header().id(), name, message: rebuilt })
            }
            None => refusal(bytes, Rcode::SERVFAIL),
        }
    }

    /// Returns whether a resolver's message is the response to this query, and not to another one.
    pub(super) fn is_answered_by(&self, bytes: &[u8]) -> bool {
        let (Ok(query), Ok(message)) = (Message::from_octets(self.message.as_slice()), Message::from_octets(bytes))
        else {
            return false;
        };
        message.is_answer(&query)
    }

    /// Returns the response to the sandbox: a resolver's response, with the id of the sandbox's query.
    pub(super) fn response_from(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for (to, from) in bytes.iter_mut().zip(self.id.to_be_bytes()) {
            *to = from;
        }
        bytes
    }
}

fn rebuild<'a>(message: &Message<&'a [u8]>, question: &Question<ParsedName<&'a [u8]>>, id: u16) -> Option<Vec<u8>> {
    let mut builder = MessageBuilder::new_vec();
    let (header, original) = (builder.header_mut(), message.header());
    // Of the sandbox's own header, only the flags that change the response are taken over.
    header.set_id(id);
    header.set_rd(original.rd());
    header.set_cd(original.cd());
    header.set_ad(original.ad());
    let mut builder = builder.question();
    builder.push((question.qname().to_vec(), question.qtype())).ok()?;
    if let Some(options) = message.opt() {
        let mut builder = builder.additional();
        let payload = options.udp_payload_size().min(DATAGRAM);
        let added = builder.opt(|opt| {
            opt.set_udp_payload_size(payload);
            opt.set_dnssec_ok(options.dnssec_ok());
            Ok(())
        });
        added.ok()?;
        return Some(builder.finish());
    }
    Some(builder.finish())
}

/// Returns the response for a name that the policy does not permit: the name does not exist, so that clients do not try
/// again.
pub(super) fn no_such_name(bytes: &[u8]) -> Option<Vec<u8>> {
    error(bytes, Rcode::NXDOMAIN)
}

/// Returns the response when no resolver responds.
pub(super) fn failure(bytes: &[u8]) -> Option<Vec<u8>> {
    error(bytes, Rcode::SERVFAIL)
}

fn refusal(bytes: &[u8], code: Rcode) -> Parsed {
    error(bytes, code).map_or(Parsed::Ignored, Parsed::Refused)
}

/// Returns an error. It repeats the question only of a message that has exactly one: each of many can be a few bytes
/// that point to a name of 255, so the error would be forty times as long as the message.
fn error(bytes: &[u8], code: Rcode) -> Option<Vec<u8>> {
    let message = Message::from_octets(bytes).ok()?;
    let mut builder = MessageBuilder::new_vec();
    let (header, original) = (builder.header_mut(), message.header());
    header.set_id(original.id());
    header.set_qr(true);
    header.set_opcode(original.opcode());
    header.set_rd(original.rd());
    header.set_ra(true);
    header.set_rcode(code);
    let mut builder = builder.question();
    if let Ok(question) = message.sole_question() {
        builder.push(question).ok()?;
    }
    Some(builder.finish())
}

/// Returns the addresses in a response.
pub(super) fn addresses(bytes: &[u8]) -> Vec<IpAddr> {
    let Ok(message) = Message::from_octets(bytes) else { return Vec::new() };
    let Ok(answers) = message.answer() else { return Vec::new() };
    // Whatever name they belong to, because a name is often an alias (`CNAME`) of another.
    let v4 = answers.limit_to_in::<A>().filter_map(Result::ok).map(|record| record.data().addr().into());
    let v6 = answers.limit_to_in::<Aaaa>().filter_map(Result::ok).map(|record| record.data().addr().into());
    v4.chain(v6).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a query for addresses; `name` is in wire format.
    fn query_for(name: &[u8]) -> Vec<u8> {
        let head: [u8; 12] = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        [&head, name, &[0, 1, 0, 1]].concat()
    }

    fn wire(labels: &[&[u8]]) -> Vec<u8> {
        let length = |label: &[u8]| u8::try_from(label.len()).unwrap();
        let mut wire: Vec<u8> = labels.iter().flat_map(|label| [&[length(label)], *label].concat()).collect();
        wire.push(0);
        wire
    }

    fn parse(name: &[u8]) -> Parsed {
        Query::parse(&query_for(name), 1)
    }

    #[test]
    fn a_name_is_parsed_label_by_label() {
        let Parsed::Query(query) = parse(&wire(&[b"WWW", b"Example", b"com"])) else { panic!("it is a query") };
        assert_eq!(query.name, "www.example.com".parse().ok());
        assert_eq!(query.message.get(12..), query_for(&wire(&[b"WWW", b"Example", b"com"])).get(12..));
    }

    #[test]
    fn a_name_that_no_host_has_is_not_taken_for_one_whose_text_looks_the_same() {
        for labels in [
            &[&b"www.example.com"[..]][..],
            &[b"www", b"example.com"],
            &[b"evil.example", b"com"],
            &[b"evil\\", b"example", b"com"],
            &[b"evil\0", b"example", b"com"],
            &[b"evil ", b"example", b"com"],
            &[b"\xc3\xa9vil", b"example", b"com"],
            &[b"127", b"0", b"0", b"1"],
            &[],
        ] {
            let Parsed::Query(query) = parse(&wire(labels)) else { panic!("{labels:?} is a query") };
            assert_eq!(query.name, None, "{labels:?}");
        }
    }

    #[test]
    fn a_message_with_many_questions_gets_an_error_without_them() {
        let long = [b'a'; 63];
        let mut message = query_for(&wire(&[&long, &long, &long, &long[..61]]));
        for _ in 1..600 {
            // A pointer to the name of the first question, type A, class IN.
            message.extend([0xc0, 12, 0, 1, 0, 1]);
        }
        message[4..6].copy_from_slice(&600_u16.to_be_bytes());
        for (operation, code) in [(0x01, 1), (0x21, 4)] {
            message[2] = operation;
            let Parsed::Refused(error) = Query::parse(&message, 1) else { panic!("it is refused") };
            assert_eq!(error, [0, 7, operation | 0x80, 0x80 | code, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
    }

    #[test]
    fn an_error_repeats_the_one_question() {
        let asked = query_for(&wire(&[b"www", b"example", b"com"]));
        let error = no_such_name(&asked).unwrap();
        assert_eq!((&error[..12], &error[12..]), (&[0, 7, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0][..], &asked[12..]));
    }

    #[test]
    fn a_name_that_is_none_on_the_wire_is_refused() {
        let long = [b'a'; 63];
        let too_long = wire(&[&long, &long, &long, &long, b"com"]);
        let forwards: &[u8] = &[0xc0, 0x20];
        let label_of_another_type: &[u8] = &[0x41, b'a', 0];
        for name in [too_long.as_slice(), forwards, label_of_another_type, b"\x05abc", &[64]] {
            assert!(!matches!(parse(name), Parsed::Query(_)), "{name:?}");
        }
    }
}
