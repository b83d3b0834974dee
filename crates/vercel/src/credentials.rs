//! Credentials: a token, and the team and project it is used for.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::error::VercelError;

/// A token that expires within this time is not used any more, because it could expire before the request arrives.
const EXPIRY_MARGIN: TimeDelta = TimeDelta::seconds(10);

/// A token, and the team and project it is used for.
///
/// [`Debug`] does not show the token.
#[derive(Clone)]
pub struct Credentials {
    token: SecretString,
    team_id: String,
    project_id: String,
    expires_at: Option<DateTime<Utc>>,
}

/// Why there are no credentials. It never contains a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Neither kind of token was given.
    #[error(
        "no credentials for Vercel: set VERCEL_TOKEN, VERCEL_TEAM_ID and VERCEL_PROJECT_ID, or VERCEL_OIDC_TOKEN \
         (`vercel link` and `vercel env pull` write one)"
    )]
    Missing,
    /// An access token was given without the team or the project it is for.
    #[error("VERCEL_TOKEN needs {0} beside it")]
    Incomplete(&'static str),
    /// The OIDC token does not consist of three parts of base64 with JSON in the second.
    #[error("VERCEL_OIDC_TOKEN is not a JSON web token")]
    NotAToken,
    /// The OIDC token lacks a claim.
    #[error("VERCEL_OIDC_TOKEN has no claim `{0}`")]
    NoClaim(&'static str),
}

/// The claims of an OIDC token that are used here. The API checks its signature.
#[derive(Deserialize)]
struct Claims {
    owner_id: Option<String>,
    project_id: Option<String>,
    exp: Option<i64>,
}

impl Credentials {
    /// Creates credentials from an access token, and the team and project it is used for.
    pub fn access_token(
        token: impl Into<SecretString>,
        team_id: impl Into<String>,
        project_id: impl Into<String>,
    ) -> Self {
        Self { token: token.into(), team_id: team_id.into(), project_id: project_id.into(), expires_at: None }
    }

    /// Creates credentials from an OIDC token, which contains the team, the project and the time of its expiry.
    ///
    /// # Errors
    ///
    /// When the text is not such a token.
    pub fn oidc(token: impl Into<SecretString>) -> Result<Self, CredentialsError> {
        let token = token.into();
        let claims = claims(token.expose_secret())?;
        let team_id = claims.owner_id.ok_or(CredentialsError::NoClaim("owner_id"))?;
        let project_id = claims.project_id.ok_or(CredentialsError::NoClaim("project_id"))?;
        let expires_at = claims.exp.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        Ok(Self { token, team_id, project_id, expires_at })
    }

    /// Creates credentials from variables: `VERCEL_TOKEN` with `VERCEL_TEAM_ID` and `VERCEL_PROJECT_ID`, or
    /// `VERCEL_OIDC_TOKEN`.
    ///
    /// If all four are set, the first three are used, because they are more explicit; if `VERCEL_TOKEN` lacks its team
    /// or project, the OIDC token is used. An empty variable counts as unset. The caller provides the source of the
    /// variables:
    ///
    /// ```
    /// # use workers_vercel::Credentials;
    /// let credentials = Credentials::from_variables(|name| std::env::var(name).ok());
    /// # drop(credentials);
    /// ```
    ///
    /// # Errors
    ///
    /// When a variable is missing or invalid.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, CredentialsError> {
        let variable = |name| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let (team, project) = (variable("VERCEL_TEAM_ID"), variable("VERCEL_PROJECT_ID"));
        match (variable("VERCEL_TOKEN"), team, project, variable("VERCEL_OIDC_TOKEN")) {
            (Some(token), Some(team), Some(project), _) => Ok(Self::access_token(token, team, project)),
            (_, _, _, Some(token)) => Self::oidc(token),
            (None, ..) => Err(CredentialsError::Missing),
            (Some(_), None, ..) => Err(CredentialsError::Incomplete("VERCEL_TEAM_ID")),
            (Some(_), ..) => Err(CredentialsError::Incomplete("VERCEL_PROJECT_ID")),
        }
    }

    /// Returns the id of the team.
    #[must_use]
    pub fn team_id(&self) -> &str {
        &self.team_id
    }

    /// Returns the id of the project.
    #[must_use]
    pub fn project_id(&self) -> &str {
        &self.project_id
    }

    /// Returns when the token expires, if the token contains that.
    #[must_use]
    pub const fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }

    /// Returns the token, unless it has expired or is about to.
    pub(crate) fn token(&self, now: DateTime<Utc>) -> Result<&str, VercelError> {
        match self.expires_at {
            Some(expires_at) if expires_at - EXPIRY_MARGIN <= now => Err(VercelError::TokenExpired { expires_at }),
            _ => Ok(self.token.expose_secret()),
        }
    }
}

fn claims(token: &str) -> Result<Claims, CredentialsError> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(CredentialsError::NotAToken);
    };
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).map_err(|_| CredentialsError::NotAToken)?;
    serde_json::from_slice(&payload).map_err(|_| CredentialsError::NotAToken)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("team_id", &self.team_id)
            .field("project_id", &self.project_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.signature", URL_SAFE_NO_PAD.encode(payload))
    }

    fn from(variables: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
        let found = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Credentials::from_variables(found)
    }

    #[test]
    fn an_oidc_token_says_team_project_and_end() {
        let token = token(r#"{"owner_id":"team_1","project_id":"prj_1","exp":1763890000,"iss":"x"}"#);
        let credentials = from(&[("VERCEL_OIDC_TOKEN", &token)]).unwrap();
        assert_eq!((credentials.team_id(), credentials.project_id()), ("team_1", "prj_1"));
        assert_eq!(credentials.expires_at(), DateTime::from_timestamp(1_763_890_000, 0));
    }

    #[test]
    fn a_token_without_an_end_never_ends() {
        let credentials = Credentials::oidc(token(r#"{"owner_id":"team_1","project_id":"prj_1"}"#)).unwrap();
        assert!(credentials.token(DateTime::<Utc>::MAX_UTC).is_ok());
    }

    #[test]
    fn a_token_is_refused_shortly_before_its_end() {
        let credentials = Credentials::oidc(token(r#"{"owner_id":"t","project_id":"p","exp":1763890000}"#)).unwrap();
        let end = credentials.expires_at().unwrap();
        assert!(credentials.token(end - TimeDelta::minutes(1)).is_ok());
        let error = credentials.token(end - TimeDelta::seconds(5)).unwrap_err();
        assert!(error.to_string().contains("2025-11-23"), "{error}");
    }

    #[test]
    fn three_variables_win_over_one_and_one_over_an_incomplete_three() {
        let token = token(r#"{"owner_id":"team_o","project_id":"prj_o"}"#);
        let all = [
            ("VERCEL_TOKEN", "secret"),
            ("VERCEL_TEAM_ID", "team_a"),
            ("VERCEL_PROJECT_ID", "prj_a"),
            ("VERCEL_OIDC_TOKEN", token.as_str()),
        ];
        assert_eq!(from(&all).unwrap().team_id(), "team_a");
        assert_eq!(from(&[all[0], all[3]]).unwrap().team_id(), "team_o");
        assert_eq!(from(&[all[1], all[2], all[3]]).unwrap().team_id(), "team_o");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (variables, error) in [
            (&[][..], CredentialsError::Missing),
            (&[("VERCEL_TOKEN", "")], CredentialsError::Missing),
            (&[("VERCEL_TOKEN", "t"), ("VERCEL_PROJECT_ID", "p")], CredentialsError::Incomplete("VERCEL_TEAM_ID")),
            (&[("VERCEL_TOKEN", "t"), ("VERCEL_TEAM_ID", "t")], CredentialsError::Incomplete("VERCEL_PROJECT_ID")),
            (&[("VERCEL_OIDC_TOKEN", "opaque")], CredentialsError::NotAToken),
            (&[("VERCEL_OIDC_TOKEN", "a.%.c")], CredentialsError::NotAToken),
            (&[("VERCEL_OIDC_TOKEN", &token("{}"))], CredentialsError::NoClaim("owner_id")),
            (&[("VERCEL_OIDC_TOKEN", &token(r#"{"owner_id":"t"}"#))], CredentialsError::NoClaim("project_id")),
        ] {
            assert_eq!(from(variables).unwrap_err(), error);
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let shown = format!("{:?}", Credentials::access_token("hunter2", "team", "project"));
        assert!(shown.contains("team") && !shown.contains("hunter2"), "{shown}");
    }
}
