//! The table of error codes. A name is part of the API; the sentence that comes with it is not.

use actix_web::http::StatusCode;
use workers_domain::Part;

macro_rules! error_codes {
    ($($(#[doc = $docs:literal])* $variant:ident, $name:literal, $status:ident;)*) => {
        /// What went wrong with a request, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $docs])* $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as it travels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The status it is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }
        }
    };
}

error_codes! {
    /// The request is not as HTTP wants it.
    BadRequest, "bad_request", BAD_REQUEST;
    /// The body is not JSON.
    InvalidJson, "invalid_json", BAD_REQUEST;
    /// The body is JSON of another shape.
    InvalidBody, "invalid_body", BAD_REQUEST;
    /// There is no name.
    MissingName, "missing_name", BAD_REQUEST;
    /// The name cannot be one.
    InvalidName, "invalid_name", BAD_REQUEST;
    /// There is no code.
    MissingCode, "missing_code", BAD_REQUEST;
    /// The code has a character that no database keeps.
    InvalidCode, "invalid_code", BAD_REQUEST;
    /// The code is to be compiled in a way that the platform does not know.
    InvalidCompilerOptions, "invalid_compiler_options", BAD_REQUEST;
    /// The code is not a module.
    SyntaxError, "syntax_error", BAD_REQUEST;
    /// The code exports no function.
    NoExportedFunction, "no_exported_function", BAD_REQUEST;
    /// An exported function has a name that no caller could ask for.
    InvalidFunctionName, "invalid_function_name", BAD_REQUEST;
    /// The code imports what is not there.
    UnsupportedImport, "unsupported_import", BAD_REQUEST;
    /// The code uses syntax that cannot run here.
    UnsupportedSyntax, "unsupported_syntax", BAD_REQUEST;
    /// The code is nested too deeply.
    TooDeep, "too_deep", BAD_REQUEST;
    /// The code takes more time or memory than a compilation may, or it crashes the compiler.
    TooExpensive, "too_expensive", BAD_REQUEST;
    /// What was asked for destroys workers, and has to be confirmed.
    ConfirmationRequired, "confirmation_required", BAD_REQUEST;
    /// What was given as a confirmation is none.
    InvalidConfirmation, "invalid_confirmation", BAD_REQUEST;
    /// The length of a page is none, or too great.
    InvalidLimit, "invalid_limit", BAD_REQUEST;
    /// The cursor is of no page.
    InvalidCursor, "invalid_cursor", BAD_REQUEST;
    /// The worker is being created, or could not be.
    WorkerNotReady, "worker_not_ready", BAD_REQUEST;
    /// There is no token, or not the right one.
    Unauthorized, "unauthorized", UNAUTHORIZED;
    /// The `Host` is not this machine's own name, and there is no token that would allow that.
    HostNotAllowed, "host_not_allowed", FORBIDDEN;
    /// A web page of another site asked.
    OriginNotAllowed, "origin_not_allowed", FORBIDDEN;
    /// The caller may not do this.
    InsufficientScope, "insufficient_scope", FORBIDDEN;
    /// `/api/setup` is closed in this installation.
    SetupNotAllowed, "setup_not_allowed", FORBIDDEN;
    /// There is no such route.
    NotFound, "not_found", NOT_FOUND;
    /// There is no such worker.
    WorkerNotFound, "worker_not_found", NOT_FOUND;
    /// The worker has no such function.
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
    /// Every place and every seat in the queue is taken.
    Busy, "busy", TOO_MANY_REQUESTS;
    /// Something of ours failed; it is in the log under the request's id.
    Internal, "internal", INTERNAL_SERVER_ERROR;
    /// What the database holds of the worker makes no sense.
    WorkerUnreadable, "worker_unreadable", INTERNAL_SERVER_ERROR;
    /// The sandbox provider failed.
    SandboxFailed, "sandbox_failed", BAD_GATEWAY;
    /// No compiler works now.
    CompilerUnavailable, "compiler_unavailable", SERVICE_UNAVAILABLE;
    /// The database cannot be reached.
    DatabaseUnavailable, "database_unavailable", SERVICE_UNAVAILABLE;
    /// The database lacks its schema, or a part of it.
    SchemaMissing, "schema_missing", SERVICE_UNAVAILABLE;
    /// The database does not permit the server what it needs.
    DatabaseDenied, "database_denied", SERVICE_UNAVAILABLE;
    /// What the database keeps is broken.
    DatabaseDamaged, "database_damaged", SERVICE_UNAVAILABLE;
    /// What is to be kept cannot be written now.
    StorageReadOnly, "storage_read_only", SERVICE_UNAVAILABLE;
    /// The database has no room left.
    StorageFull, "storage_full", INSUFFICIENT_STORAGE;
    /// The server is shutting down.
    ShuttingDown, "shutting_down", SERVICE_UNAVAILABLE;
}

impl ErrorCode {
    /// What an operator does about a failure of the server with this code. It destroys nothing.
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
