//! How our client's requests differ from the SDK's, and why.

use Requests::{All, Of, WithoutBody};
use Sent::{From, Nothing, This};

/// A difference with its reason.
pub(super) struct Difference {
    pub(super) of: Requests,
    pub(super) field: &'static str,
    pub(super) sdk: Sent,
    pub(super) ours: Sent,
    pub(super) why: &'static str,
}

/// The requests to which a difference applies. It must be in every one of them.
pub(super) enum Requests {
    All,
    WithoutBody,
    Of(&'static [&'static str]),
}

/// The value of a field.
pub(super) enum Sent {
    Nothing,
    This(&'static str),
    /// A value that begins like this. The rest depends on the version and the host.
    From(&'static str),
}

/// All differences. The case of header names and the order of headers are not compared, because they have no meaning.
pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        of: All,
        field: "header user-agent",
        sdk: From("vercel/sandbox/3.5.0 (Node.js/"),
        ours: From("workers-vercel/"),
        why: "each client names itself",
    },
    Difference {
        of: All,
        field: "header connection",
        sdk: This("keep-alive"),
        ours: Nothing,
        why: "HTTP/1.1 keeps connections open unless a header says otherwise, and our client uses them again too",
    },
    Difference {
        of: All,
        field: "header accept-encoding",
        sdk: This("gzip, deflate"),
        ours: Nothing,
        why: "answers are small, files apart; and a compressed stream may keep back what a command has printed",
    },
    Difference {
        of: All,
        field: "header accept-language",
        sdk: This("*"),
        ours: Nothing,
        why: "the standard of the web's fetch has it, with which the SDK sends; any language is what no header means too",
    },
    Difference {
        of: All,
        field: "header sec-fetch-mode",
        sdk: This("cors"),
        ours: Nothing,
        why: "as before: it is how browsers say what a page does, and here is none",
    },
    Difference {
        of: WithoutBody,
        field: "header content-type",
        sdk: This("application/json"),
        ours: Nothing,
        why: "there is no content that could have a type",
    },
    Difference {
        of: Of(&["make-directory"]),
        field: "body.recursive",
        sdk: Nothing,
        ours: This("true"),
        why: "ours makes the parents too, and may be sent twice: a directory that the first attempt made is no error",
    },
    Difference {
        of: Of(&["list-by-name"]),
        field: "order of the query",
        sdk: This("teamId project limit sortBy sortOrder namePrefix"),
        ours: This("teamId project limit sortOrder sortBy namePrefix"),
        why: "the parameters of a query may come in any order; the SDK keeps the order in which its caller wrote them",
    },
    Difference {
        of: Of(&["list-next-page"]),
        field: "order of the query",
        sdk: This("teamId project limit sortBy sortOrder namePrefix cursor"),
        ours: This("teamId project limit cursor sortOrder sortBy namePrefix"),
        why: "as before",
    },
    Difference {
        of: Of(&["list-snapshots"]),
        field: "order of the query",
        sdk: This("teamId project name limit sortOrder"),
        ours: This("teamId project limit sortOrder name"),
        why: "as before",
    },
];
