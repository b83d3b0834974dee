//! How our client's requests differ from the SDK's, and why.

use std::collections::BTreeMap;

use super::names::Names;
use super::request::{Fields, Request};

/// A difference that has a reason.
struct Difference {
    of: Requests,
    field: &'static str,
    sdk: Sent,
    ours: Sent,
    #[expect(dead_code, reason = "it is for readers")]
    why: &'static str,
}

/// Which requests differ so. Each of them does.
enum Requests {
    All,
    WithoutBody,
    Of(&'static [&'static str]),
}

/// What is in the field.
enum Sent {
    Nothing,
    This(&'static str),
    /// What begins so: the rest is other versions' and other machines' business.
    From(&'static str),
}

use Requests::{All, Of, WithoutBody};
use Sent::{From, Nothing, This};

/// All of them. There are no others, and each of these is there.
const DIFFERENCES: &[Difference] = &[];

/// What is not as the table says, for a person; nothing if all is.
pub(super) fn unexplained(sdk: &[Request], ours: &[Request]) -> Vec<String> {
    let (mut sdk_names, mut our_names) = (Names::default(), Names::default());
    let mut wrong = Vec::new();
    for (sdk, ours) in sdk.iter().zip(ours) {
        let found = between(&sdk.fields(&mut sdk_names), &ours.fields(&mut our_names));
        let expected: Vec<_> = DIFFERENCES.iter().filter(|difference| difference.is_of(sdk)).collect();
        for (field, (sdk_sent, our_sent)) in &found {
            let explains = |difference: &&&Difference| {
                difference.field == field && difference.fits(sdk_sent.as_ref(), our_sent.as_ref())
            };
            if !expected.iter().any(|difference| explains(&difference)) {
                wrong.push(format!("{}: {field}: the SDK sends {sdk_sent:?}, we send {our_sent:?}", sdk.operation));
            }
        }
        for difference in expected.iter().filter(|difference| !found.contains_key(difference.field)) {
            wrong.push(format!("{}: {}: is the same by now", sdk.operation, difference.field));
        }
    }
    wrong
}

/// The fields that are not the same.
fn between(sdk: &Fields, ours: &Fields) -> BTreeMap<String, (Option<String>, Option<String>)> {
    let all = sdk.keys().chain(ours.keys());
    let both = all.map(|field| (field.clone(), (sdk.get(field).cloned(), ours.get(field).cloned())));
    both.filter(|(_, (sdk, ours))| sdk != ours).collect()
}

impl Difference {
    fn is_of(&self, request: &Request) -> bool {
        match self.of {
            All => true,
            WithoutBody => request.body.is_empty(),
            Of(operations) => operations.contains(&request.operation.as_str()),
        }
    }

    fn fits(&self, sdk: Option<&String>, ours: Option<&String>) -> bool {
        self.sdk.is(sdk) && self.ours.is(ours)
    }
}

impl Sent {
    fn is(&self, value: Option<&String>) -> bool {
        match (self, value) {
            (Nothing, None) => true,
            (This(this), Some(value)) => value == this,
            (From(start), Some(value)) => value.starts_with(start),
            _ => false,
        }
    }
}
