//! Whatever a sandbox sends to its name server, the host's resolvers receive a query for the same name and nothing else
//! of the message; errors are well-formed and short, and a resolver's message changes only in its number. The first
//! byte of the input is the length of the sandbox's message; the resolver's message is the rest.
#![no_main]

use domain::base::iana::{Class, Rcode};
use domain::base::name::Label;
use domain::base::{Message, ToName};
use libfuzzer_sys::fuzz_target;
use workers_engine::fuzzing::{Dns, dns_answer, read_dns};

/// The number of the query for the resolvers.
const ID: u16 = 0x1234;
/// The longest message that any client accepts in a datagram, in bytes.
const MAX_ERROR: usize = 512;
/// A head, the longest name with its type and class, and options without content.
const MAX_QUERY: usize = 12 + 255 + 4 + 11;

fn check_error(error: &[u8], asked: &[u8], codes: &[Rcode]) {
    assert!(error.len() <= MAX_ERROR, "an error of {} bytes for a message of {}", error.len(), asked.len());
    let (error, asked) = (Message::from_octets(error).expect("a message"), Message::from_octets(asked).expect("one"));
    let header = error.header();
    assert!(header.qr() && header.id() == asked.header().id() && header.opcode() == asked.header().opcode());
    assert!(codes.contains(&header.rcode()), "{}", header.rcode());
    assert!(error.question().all(|question| question.is_ok()));
    let counts = error.header_counts();
    assert_eq!((counts.ancount(), counts.nscount(), counts.arcount()), (0, 0, 0));
}

fn check_query(query: &[u8], asked: &[u8], name: Option<String>) {
    assert!(query.len() <= MAX_QUERY, "{} bytes", query.len());
    let (query, asked) = (Message::from_octets(query).expect("a message"), Message::from_octets(asked).expect("one"));
    let (question, wanted) = (query.sole_question().expect("a question"), asked.sole_question().expect("one"));
    assert!(question.qname().name_eq(wanted.qname()) && question.qtype() == wanted.qtype());
    assert!(question.qclass() == Class::IN && query.header().id() == ID && !query.header().qr());
    let counts = query.header_counts();
    assert!((counts.ancount(), counts.nscount()) == (0, 0) && counts.arcount() == u16::from(query.opt().is_some()));
    assert!(query.opt().is_none_or(|options| options.opt().is_empty()));

    // The name that the policy judges is the one that the resolver is asked for.
    if let Some(name) = name {
        let asked_for = question.qname().to_vec();
        let labels = asked_for.iter().filter(|label| !label.is_root()).map(Label::as_slice);
        assert_eq!(name.into_bytes(), labels.collect::<Vec<_>>().join(&b'.').to_ascii_lowercase());
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&length, rest)) = input.split_first() else { return };
    let (asked, response) = rest.split_at(usize::from(length).min(rest.len()));
    // A longer message as well, which a name server over TCP accepts.
    for asked in [asked, rest] {
        match read_dns(asked, ID) {
            Dns::Forwarded { name, query, errors } => {
                check_query(&query, asked, name.as_ref().map(ToString::to_string));
                for (error, code) in errors.iter().zip([Rcode::NXDOMAIN, Rcode::SERVFAIL]) {
                    check_error(error.as_deref().expect("an error"), asked, &[code]);
                }
                let Dns::Forwarded { name: again, query: same, .. } = read_dns(&query, ID) else { panic!("a query") };
                assert_eq!((again, same), (name, query));
            }
            Dns::Refused(error) => {
                let codes = [Rcode::FORMERR, Rcode::NOTIMP, Rcode::REFUSED, Rcode::SERVFAIL];
                check_error(&error, asked, &codes);
            }
            Dns::Ignored => {
                assert!(Message::from_octets(asked).is_ok_and(|asked| asked.header().qr()) || asked.len() < 12)
            }
        }
    }

    // As forwarded, so that the fuzzer need not find the number.
    let mut response = response.to_vec();
    response.iter_mut().zip(ID.to_be_bytes()).for_each(|(to, from)| *to = from);
    if let Some((passed_on, addresses)) = dns_answer(asked, ID, &response) {
        assert_eq!((&passed_on[..2], &passed_on[2..]), (&asked[..2], &response[2..]));
        // An address has at least a name, a head and four bytes.
        assert!(addresses.len() <= response.len() / (1 + 10 + 4));
    }
});
