//! Compares the requests of two clients with each other, and with a table of known differences.

use std::collections::BTreeMap;

use super::differences::{Difference, Requests, Sent};
use super::names::Names;
use super::request::{Fields, Request};

/// Returns messages about everything that differs from the table; empty if nothing does. Both lists contain requests of
/// the same operations in the same order.
pub(super) fn complaints(sdk: &[Request], ours: &[Request], table: &[Difference]) -> Vec<String> {
    let (mut sdk_names, mut our_names) = (Names::default(), Names::default());
    let mut complaints: Vec<_> = table.iter().flat_map(|row| row.of_nothing(sdk)).collect();
    for (sdk, ours) in sdk.iter().zip(ours) {
        let mut found = between(&sdk.fields(&mut sdk_names), &ours.fields(&mut our_names));
        for row in table.iter().filter(|row| row.is_of(sdk)) {
            if found.get(row.field).is_some_and(|both| row.fits(both)) {
                found.remove(row.field);
            } else {
                complaints.push(format!("{}: {} does not differ as it should: {}", sdk.operation, row.field, row.why));
            }
        }
        for (field, Both { sdk: theirs, ours }) in found {
            complaints.push(format!("{}: {field}: the SDK sends {theirs:?}, we send {ours:?}", sdk.operation));
        }
    }
    complaints
}

/// The values that both clients send in a field.
struct Both {
    sdk: Option<String>,
    ours: Option<String>,
}

/// Returns the fields that differ.
fn between(sdk: &Fields, ours: &Fields) -> BTreeMap<String, Both> {
    let both = |field: &String| Both { sdk: sdk.get(field).cloned(), ours: ours.get(field).cloned() };
    let all = sdk.keys().chain(ours.keys()).map(|field| (field.clone(), both(field)));
    all.filter(|(_, both)| both.sdk != both.ours).collect()
}

impl Difference {
    fn is_of(&self, request: &Request) -> bool {
        match self.of {
            Requests::All => true,
            Requests::WithoutBody => request.body.is_empty(),
            Requests::Of(operations) => operations.contains(&request.operation.as_str()),
        }
    }

    fn fits(&self, both: &Both) -> bool {
        self.sdk.is(both.sdk.as_deref()) && self.ours.is(both.ours.as_deref())
    }

    /// Returns a complaint for each operation of this row that no request is of.
    fn of_nothing(&self, requests: &[Request]) -> Vec<String> {
        let Requests::Of(operations) = self.of else { return Vec::new() };
        let missing = operations.iter().filter(|name| requests.iter().all(|request| request.operation != **name));
        missing.map(|name| format!("{}: there is no operation {name}", self.field)).collect()
    }
}

impl Sent {
    fn is(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (Self::Nothing, None) => true,
            (Self::This(this), Some(value)) => value == *this,
            (Self::From(start), Some(value)) => value.starts_with(start),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Difference = Difference {
        of: Requests::Of(&["stop"]),
        field: "header user-agent",
        sdk: Sent::From("sdk/"),
        ours: Sent::This("we"),
        why: "each has a name",
    };

    fn stop(headers: &str) -> [Request; 1] {
        [Request::parse("POST /stop/api/v2/sandboxes/sessions/sbx_1/stop?teamId=a HTTP/1.1", headers)]
    }

    #[test]
    fn a_difference_in_the_table_is_no_complaint() {
        let (sdk, ours) = (stop("User-Agent: sdk/1"), stop("user-agent: we"));
        assert_eq!(complaints(&sdk, &ours, &[ROW]), Vec::<String>::new());
        assert_eq!(complaints(&sdk, &sdk, &[]), Vec::<String>::new());
    }

    #[test]
    fn a_difference_that_is_not_in_the_table_is_one() {
        let found = complaints(&stop("a: 1"), &stop("b: 1"), &[]);
        assert_eq!(
            found,
            [
                "stop: header a: the SDK sends Some(\"1\"), we send None",
                "stop: header b: the SDK sends None, we send Some(\"1\")",
            ]
        );
    }

    #[test]
    fn a_row_that_nothing_fits_is_one() {
        let gone = complaints(&stop("user-agent: we"), &stop("user-agent: we"), &[ROW]);
        assert_eq!(gone, ["stop: header user-agent does not differ as it should: each has a name"]);
        let row = Difference { of: Requests::Of(&["start"]), ..ROW };
        assert_eq!(complaints(&stop(""), &stop(""), &[row]), ["header user-agent: there is no operation start"]);
    }
}
