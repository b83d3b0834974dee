//! The table of error codes. A code's name is part of the API; the message that comes with it is not.

use actix_web::http::StatusCode;
use workers_domain::Part;

macro_rules! error_codes {
    ($($(#[doc = $docs:literal])* $variant:ident, $name:literal, $status:ident;)*) => {
        /// The reason of an error, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $docs])* $variant,)*
        }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the code as it appears in responses.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the HTTP status of responses with this code.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }
        }
    };
}

error_codes! {
    /// The request is not valid HTTP.
    BadRequest, "bad_request", BAD_REQUEST;
    /// The body is not JSON.
    InvalidJson, "invalid_json", BAD_REQUEST;
    /// The body is JSON, but of a different shape.
    InvalidBody, "invalid_body", BAD_REQUEST;
    /// The name is missing.
    MissingName, "missing_name", BAD_REQUEST;
    /// The name is not valid.
    InvalidName, "invalid_name", BAD_REQUEST;
    /// The code is missing.
    MissingCode, "missing_code", BAD_REQUEST;
    /// The code contains a character that a database cannot store.
    InvalidCode, "invalid_code", BAD_REQUEST;
    /// The compiler options contain an unknown option or value.
    InvalidCompilerOptions, "invalid_compiler_options", BAD_REQUEST;
    /// The isolation is none.
    InvalidIsolation, "invalid_isolation", BAD_REQUEST;
    /// The code is not a module.
    SyntaxError, "syntax_error", BAD_REQUEST;
    /// The code exports no function.
    NoExportedFunction, "no_exported_function", BAD_REQUEST;
    /// An exported function has a name that no request could contain.
    InvalidFunctionName, "invalid_function_name", BAD_REQUEST;
    /// The code imports a module that does not exist here.
    UnsupportedImport, "unsupported_import", BAD_REQUEST;
    /// The code uses syntax that cannot run here.
    UnsupportedSyntax, "unsupported_syntax", BAD_REQUEST;
    /// The code is nested too deeply.
    TooDeep, "too_deep", BAD_REQUEST;
    /// The code takes more time or memory than a compilation may use, or it crashes the compiler.
    TooExpensive, "too_expensive", BAD_REQUEST;
    /// The request would delete workers, and must be confirmed.
    ConfirmationRequired, "confirmation_required", BAD_REQUEST;
    /// The confirmation is not valid.
    InvalidConfirmation, "invalid_confirmation", BAD_REQUEST;
    /// The page length is not a valid number, or too large.
    InvalidLimit, "invalid_limit", BAD_REQUEST;
    /// The cursor does not belong to any page.
    InvalidCursor, "invalid_cursor", BAD_REQUEST;
    /// The worker is being created, or its creation failed.
    WorkerNotReady, "worker_not_ready", BAD_REQUEST;
    /// The token is missing or wrong.
    Unauthorized, "unauthorized", UNAUTHORIZED;
    /// The `Host` is not a loopback name, and there is no token, with which other names would be allowed.
    HostNotAllowed, "host_not_allowed", FORBIDDEN;
    /// The request comes from a web page of another site.
    OriginNotAllowed, "origin_not_allowed", FORBIDDEN;
    /// The caller may not do this.
    InsufficientScope, "insufficient_scope", FORBIDDEN;
    /// `/api/setup` is disabled in this installation.
    SetupNotAllowed, "setup_not_allowed", FORBIDDEN;
    /// The route does not exist.
    NotFound, "not_found", NOT_FOUND;
    /// The worker does not exist.
    WorkerNotFound, "worker_not_found", NOT_FOUND;
    /// The worker does not export this function.
    FunctionNotFound, "function_not_found", NOT_FOUND;
    /// The route exists, but not with this method.
    MethodNotAllowed, "method_not_allowed", METHOD_NOT_ALLOWED;
    /// None of the accepted content codings is available.
    NotAcceptable, "not_acceptable", NOT_ACCEPTABLE;
    /// The body did not arrive in time.
    RequestTimeout, "request_timeout", REQUEST_TIMEOUT;
    /// The worker has expired.
    WorkerExpired, "worker_expired", GONE;
    /// The body is too long.
    BodyTooLarge, "body_too_large", PAYLOAD_TOO_LARGE;
    /// The code is too long.
    CodeTooLarge, "code_too_large", PAYLOAD_TOO_LARGE;
    /// The payload is too long.
    PayloadTooLarge, "payload_too_large", PAYLOAD_TOO_LARGE;
    /// The body is compressed.
    UnsupportedEncoding, "unsupported_encoding", UNSUPPORTED_MEDIA_TYPE;
    /// All permits are taken and the queue is full.
    Busy, "busy", TOO_MANY_REQUESTS;
    /// An internal error; details are in the log under the request's id.
    Internal, "internal", INTERNAL_SERVER_ERROR;
    /// The worker's database row is invalid.
    WorkerUnreadable, "worker_unreadable", INTERNAL_SERVER_ERROR;
    /// The sandbox provider failed.
    SandboxFailed, "sandbox_failed", BAD_GATEWAY;
    /// No compiler is available now.
    CompilerUnavailable, "compiler_unavailable", SERVICE_UNAVAILABLE;
    /// The database cannot be reached.
    DatabaseUnavailable, "database_unavailable", SERVICE_UNAVAILABLE;
    /// The database schema is missing or incomplete.
    SchemaMissing, "schema_missing", SERVICE_UNAVAILABLE;
    /// The database user lacks a permission that the server requires.
    DatabaseDenied, "database_denied", SERVICE_UNAVAILABLE;
    /// The stored data of the database is damaged.
    DatabaseDamaged, "database_damaged", SERVICE_UNAVAILABLE;
    /// The storage is read-only now.
    StorageReadOnly, "storage_read_only", SERVICE_UNAVAILABLE;
    /// The database has no room left.
    StorageFull, "storage_full", INSUFFICIENT_STORAGE;
    /// The server is shutting down.
    ShuttingDown, "shutting_down", SERVICE_UNAVAILABLE;
}

impl ErrorCode {
    /// Returns what an operator should do about a server error with this code. The advice never destroys data.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::SandboxFailed => Part::Sandboxes.advice(),
            Self::CompilerUnavailable => Part::Compiler.advice(),
            Self::StorageReadOnly | Self::StorageFull => Part::Storage.advice(),
            Self::SchemaMissing | Self::DatabaseUnavailable | Self::DatabaseDenied | Self::DatabaseDamaged => {
                Part::Database.advice()
            }
            Self::WorkerUnreadable => "mend the worker's row, or delete the worker",
            Self::ShuttingDown => "nothing has to be done: the server is shutting down",
            _ => "this is a fault of the server: report it with this line and those around it",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_codes_have_one_name() {
        let names: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
    }

    #[test]
    fn every_name_is_in_snake_case() {
        for code in ErrorCode::ALL {
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code:?}");
        }
    }

    #[test]
    fn every_status_is_an_error() {
        for code in ErrorCode::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
        }
    }

    #[test]
    fn every_code_is_documented() {
        let page = include_str!("../../../../docs/api.md");
        for code in ErrorCode::ALL {
            let row = format!("| `{}` | {} |", code.as_str(), code.status().as_u16());
            assert!(page.contains(&row), "docs/api.md lacks the row {row}");
        }
    }
}
