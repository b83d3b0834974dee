//! The DNS messages of a sandbox without its sockets, for the target `dns` of `fuzz/`.

use std::net::IpAddr;

use workers_domain::DomainName;

use super::message::{Parsed, Query, addresses, failure, no_such_name};

/// What becomes of a message from a sandbox.
#[derive(Debug)]
pub enum Dns {
    /// It is forwarded to a resolver, if the policy permits the name.
    Forwarded {
        /// The name; `None` for one that no host can have.
        name: Option<DomainName>,
        /// The query as it is forwarded.
        query: Vec<u8>,
        /// The responses if the policy does not permit the name, and if no resolver responds.
        errors: [Option<Vec<u8>>; 2],
    },
    /// It gets this error.
    Refused(Vec<u8>),
    /// It gets no response.
    Ignored,
}

/// Reads a message from a sandbox; `id` is the number of the query for the resolver.
#[must_use]
pub fn read_dns(message: &[u8], id: u16) -> Dns {
    match Query::parse(message, id) {
        Parsed::Query(query) => {
            let errors = [no_such_name(message), failure(message)];
            Dns::Forwarded { name: query.name, query: query.message, errors }
        }
        Parsed::Refused(error) => Dns::Refused(error),
        Parsed::Ignored => Dns::Ignored,
    }
}

/// Reads a message from a resolver; returns the response for the sandbox and the addresses in it. `None` if it does not
/// belong to the sandbox's query, or that is not forwarded.
#[must_use]
pub fn dns_answer(message: &[u8], id: u16, from_resolver: &[u8]) -> Option<(Vec<u8>, Vec<IpAddr>)> {
    let Parsed::Query(query) = Query::parse(message, id) else { return None };
    query.is_answered_by(from_resolver).then(|| (query.response_from(from_resolver.to_vec()), addresses(from_resolver)))
}
