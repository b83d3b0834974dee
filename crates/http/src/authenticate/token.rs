//! Authentication with the operator's token.

use async_trait::async_trait;
use workers_domain::TenantId;
use workers_domain::access::{AuthenticationError, Authenticator, Identity, Principal, RequestHead};
use workers_web::bearer;

use crate::AdminToken;

/// Accepts requests with the token.
pub(super) struct TokenAuthenticator {
    token: AdminToken,
}

impl TokenAuthenticator {
    pub(super) const fn new(token: AdminToken) -> Self {
        Self { token }
    }

    fn check(&self, head: &RequestHead<'_>) -> Result<(), AuthenticationError> {
        let values = head.headers.values("authorization");
        let given = values.first().copied().and_then(bearer);
        if given.is_some_and(|given| self.token.matches(given)) {
            return Ok(());
        }
        let message = match given {
            Some(_) => "the token is not the right one",
            None => "this needs the header `Authorization: Bearer <admin token>`",
        };
        Err(AuthenticationError::Unauthorized(message.to_owned()))
    }
}

#[async_trait]
impl Authenticator for TokenAuthenticator {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Identity, AuthenticationError> {
        self.check(head)?;
        Ok(Identity { principal: Principal::AdminToken, tenant: TenantId::DEFAULT })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Uri;

    use super::super::tests::headers;
    use super::super::{ReadHeaders, head_of};
    use super::*;
    use crate::ErrorCode;
    use crate::error::ApiError;

    fn check(pairs: &[(&'static str, &'static str)]) -> Result<(), ErrorCode> {
        let authenticator = TokenAuthenticator::new(AdminToken::new("s3cret").unwrap());
        let checked = authenticator.check(&head_of(&ReadHeaders(&headers(pairs)), &Uri::from_static("/api/workers")));
        checked.map_err(|error| ApiError::from(error).code())
    }

    #[test]
    fn the_scheme_of_a_token_may_be_written_in_any_case() {
        assert_eq!(check(&[("authorization", "bEaReR s3cret")]), Ok(()));
    }

    #[test]
    fn no_token_and_a_wrong_one_are_unauthorized() {
        for pairs in [
            &[][..],
            &[("authorization", "Bearer nope")],
            &[("authorization", "Basic s3cret")],
            &[("authorization", "s3")],
        ] {
            assert_eq!(check(pairs), Err(ErrorCode::Unauthorized));
        }
    }
}
