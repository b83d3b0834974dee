//! The accounts among which room and requests are shared.

use std::collections::BTreeSet;

use crate::VercelServerOptions;

/// The account that all teams without a bound token share. They share one because a caller whose token gives access to
/// every team can invent team names.
pub(super) const OTHER_TEAMS: &str = "";

/// Returns the accounts of the teams: one for each team with a bound token, and [`OTHER_TEAMS`] if a request can name
/// any other team.
pub(super) fn accounts(options: &VercelServerOptions) -> BTreeSet<&str> {
    let mut accounts: BTreeSet<&str> = options.tokens.iter().map(|token| token.team().unwrap_or(OTHER_TEAMS)).collect();
    if accounts.is_empty() {
        accounts.insert(OTHER_TEAMS);
    }
    accounts
}
