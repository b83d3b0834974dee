//! The response for each error of a use case.

use std::time::Duration;

use chrono::SecondsFormat;
use serde_json::{Value, json};
use workers_domain::ports::{RepositoryError, SandboxErrorKind};
use workers_domain::{InvalidNameError, WorkerId, WorkerStatus};
use workers_service::{
    DeployError, Diagnostic, DiagnosticKind, InvokeError, LimitsError, RedeployError, SetupError, TooExpensive,
    WorkerError,
};

use super::{ApiError, ErrorCode};

/// The retry time for errors that happen because a component is unavailable.
const RETRY_WHEN_AWAY: Duration = Duration::from_secs(5);
/// The retry time for responses that did not fit into the memory budget. A response that is being read releases its
/// memory sooner; one that is not read is dropped after a while.
const RETRY_WHEN_UNREAD: Duration = Duration::from_secs(5);
/// Maximum length of a client's own text that is quoted in a message, in characters.
const QUOTED_CHARS: usize = 100;

/// The confirmation text that is required to delete all workers.
pub(crate) const CONFIRMATION: &str = "remove all workers";

/// Creates the error for an id that no worker has.
pub(crate) fn worker_not_found(id: &str) -> ApiError {
    ApiError::new(ErrorCode::WorkerNotFound, format!("there is no worker {}", printable(id)))
}

/// Returns a client's own text without control characters, cut to a maximum length.
pub(crate) fn printable(text: &str) -> String {
    let mut quoted: String = text.chars().filter(|symbol| !symbol.is_control()).take(QUOTED_CHARS).collect();
    if text.chars().count() > QUOTED_CHARS {
        quoted.push('…');
    }
    quoted
}

/// Creates the error for a cursor that does not belong to any page.
pub(crate) fn invalid_cursor() -> ApiError {
    let message =
        "`cursor` must be one that the `Link` header of an earlier page holds; without it the list begins anew";
    ApiError::new(ErrorCode::InvalidCursor, message)
}

/// Creates the error for requests during the shutdown.
pub(crate) fn shutting_down() -> ApiError {
    ApiError::new(ErrorCode::ShuttingDown, "the server is shutting down").retry_after(RETRY_WHEN_AWAY)
}

impl From<RepositoryError> for ApiError {
    fn from(error: RepositoryError) -> Self {
        let (code, message) = match error {
            RepositoryError::Unavailable(_) => (ErrorCode::DatabaseUnavailable, "the database cannot be reached"),
            RepositoryError::RolledBack(_) => (
                ErrorCode::DatabaseUnavailable,
                "the database has stored nothing of this, and may when it is sent again",
            ),
            RepositoryError::SchemaMissing => (
                ErrorCode::SchemaMissing,
                "the database has no schema, or only a part of it; `workersd migrate` makes it, or says what is missing",
            ),
            RepositoryError::SchemaIncomplete(_) => (
                ErrorCode::SchemaMissing,
                "the database lacks a part of its schema; the operator has to put it back, or restore a backup",
            ),
            RepositoryError::Full { .. } => (ErrorCode::StorageFull, "the platform's storage is full"),
            RepositoryError::ReadOnly { .. } => {
                (ErrorCode::StorageReadOnly, "the platform's storage cannot be written now; the operator has to look")
            }
            RepositoryError::Denied { .. } => (
                ErrorCode::DatabaseDenied,
                "the database does not permit the server what it needs; the operator has to grant it",
            ),
            RepositoryError::Damaged(_) => {
                (ErrorCode::DatabaseDamaged, "the database is damaged; the operator has to restore a backup")
            }
            RepositoryError::Inconsistent { .. } => (
                ErrorCode::WorkerUnreadable,
                "what is stored of the worker cannot be read; the operator can mend it, or the worker can be deleted",
            ),
            RepositoryError::UnknownCursor => return invalid_cursor(),
            RepositoryError::Refused { .. } => return Self::internal(error),
        };
        // Only these can pass by themselves. The others last until an operator acts, so an early retry is in vain.
        let passes = matches!(code, ErrorCode::DatabaseUnavailable | ErrorCode::StorageReadOnly);
        let answer = Self::new(code, message).because(error);
        if passes { answer.retry_after(RETRY_WHEN_AWAY) } else { answer }
    }
}

impl From<WorkerError> for ApiError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Access(error) => error.into(),
            WorkerError::NotFound(id) => unknown(id),
            WorkerError::UnknownCursor => invalid_cursor(),
            WorkerError::Repository(error) => error.into(),
        }
    }
}

impl From<LimitsError> for ApiError {
    fn from(error: LimitsError) -> Self {
        match error {
            LimitsError::Access(error) => error.into(),
            LimitsError::Repository(error) => error.into(),
        }
    }
}

impl From<SetupError> for ApiError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::NotEmpty { workers } => {
                let (is, noun, object) = if workers == 1 { ("is", "worker", "it") } else { ("are", "workers", "them") };
                let message = format!(
                    "there {is} {workers} {noun}, and nothing was changed; to remove {object} for good, send {{\"confirm\":\"{CONFIRMATION}\"}}"
                );
                Self::new(ErrorCode::ConfirmationRequired, message)
                    .with("workers", workers)
                    .with("confirm", CONFIRMATION)
            }
            SetupError::Access(error) => error.into(),
            SetupError::Repository(error) => error.into(),
        }
    }
}

impl From<DeployError> for ApiError {
    fn from(error: DeployError) -> Self {
        match error {
            DeployError::Access(error) => error.into(),
            // To clients a blank name is a missing one (docs/api.md).
            DeployError::InvalidName(InvalidNameError::Empty) => missing_name(),
            DeployError::InvalidName(ref problem) => {
                Self::new(ErrorCode::InvalidName, format!("`name` {problem}")).with("field", "name")
            }
            DeployError::EmptyCode => missing_code(),
            DeployError::CodeTooLarge { limit, .. } => {
                Self::new(ErrorCode::CodeTooLarge, error.to_string()).with("limit", limit)
            }
            DeployError::Rejected(rejection) => rejected(rejection.diagnostics()),
            DeployError::TooExpensive(what) => too_expensive(what),
            DeployError::Busy { retry_after } => busy(retry_after),
            DeployError::CompilerUnavailable(_) => Self::new(
                ErrorCode::CompilerUnavailable,
                "the platform cannot compile code at the moment; try again later",
            )
            .retry_after(RETRY_WHEN_AWAY)
            .because(error),
            DeployError::Transpiler(_) | DeployError::BrokeOff(_) => Self::internal(error),
            DeployError::Sandbox { worker_id, ref source } => match of_host(source.kind) {
                Some((code, message)) => {
                    let answer = Self::new(code, message).because(error).about(worker_id);
                    if code == ErrorCode::StorageFull { answer } else { answer.retry_after(RETRY_WHEN_AWAY) }
                }
                None => {
                    Self::new(ErrorCode::SandboxFailed, "the sandbox provider failed to make the worker's snapshot")
                        // Only here the worker is kept, with status `error`, so only here the body names it.
                        .with("workerId", worker_id.to_string())
                        .because(error)
                        .about(worker_id)
                }
            },
            DeployError::Repository(error) => error.into(),
        }
    }
}

/// Returns the error for a failure of the host that sandboxes run on, if there is a more specific one than that of the
/// sandbox. Nothing of the deploy is left in these cases.
const fn of_host(kind: SandboxErrorKind) -> Option<(ErrorCode, &'static str)> {
    match kind {
        SandboxErrorKind::StorageFull => Some((ErrorCode::StorageFull, "the platform's storage is full")),
        SandboxErrorKind::StorageReadOnly => {
            Some((ErrorCode::StorageReadOnly, "the platform's storage cannot be written now; the operator has to look"))
        }
        SandboxErrorKind::StorageUnavailable => {
            Some((ErrorCode::SandboxFailed, "the platform's storage is away; the operator has to put it back"))
        }
        SandboxErrorKind::Exhausted => {
            Some((ErrorCode::Busy, "the platform has too few descriptors, processes or memory left; try again later"))
        }
        _ => None,
    }
}

impl From<RedeployError> for ApiError {
    fn from(error: RedeployError) -> Self {
        match error {
            RedeployError::NotFound(id) => unknown(id),
            RedeployError::Creating(_) => Self::new(ErrorCode::WorkerNotReady, "the worker is still being created")
                .with("status", WorkerStatus::Creating.as_str())
                // Clients find the same members as after an invocation of a worker that is not ready.
                .with("errorMessage", Value::Null),
            RedeployError::Deploy(error) => error.into(),
        }
    }
}

impl From<InvokeError> for ApiError {
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::Access(error) => error.into(),
            InvokeError::WorkerNotFound(id) => unknown(id),
            InvokeError::FunctionNotFound { name, available } => {
                let available: Vec<Value> = available.iter().map(|name| name.as_str().into()).collect();
                let message = format!("the worker has no function `{}`", printable(&name));
                Self::new(ErrorCode::FunctionNotFound, message).with("available", available)
            }
            InvokeError::NotReady { status, ref message } => Self::new(ErrorCode::WorkerNotReady, error.to_string())
                .with("status", status.as_str())
                .with("errorMessage", message.clone()),
            InvokeError::Expired { expired_at } => {
                let expired_at = expired_at.to_rfc3339_opts(SecondsFormat::Millis, true);
                Self::new(ErrorCode::WorkerExpired, format!("the worker expired at {expired_at}; deploy it again"))
                    .with("expiredAt", expired_at)
            }
            InvokeError::PayloadTooLarge { limit, .. } => {
                Self::new(ErrorCode::PayloadTooLarge, error.to_string()).with("limit", limit)
            }
            InvokeError::Busy { retry_after } => busy(retry_after),
            InvokeError::ShuttingDown => shutting_down(),
            InvokeError::Repository(error) => error.into(),
        }
    }
}

/// Creates the error for a request that gets no permit.
fn busy(retry_after: Duration) -> ApiError {
    ApiError::new(ErrorCode::Busy, "the platform is busy; try again later").retry_after(retry_after)
}

/// Creates the error for a response that does not fit into the memory budget, because too many others have not been
/// read.
pub(crate) fn too_much_unread() -> ApiError {
    let message = "too many answers wait for clients that do not read them; try again later";
    ApiError::new(ErrorCode::Busy, message).retry_after(RETRY_WHEN_UNREAD)
}

/// Creates the error for a deploy without a name.
pub(crate) fn missing_name() -> ApiError {
    ApiError::new(ErrorCode::MissingName, "`name` is missing or empty").with("field", "name")
}

/// Creates the error for a deploy without code.
pub(crate) fn missing_code() -> ApiError {
    ApiError::new(ErrorCode::MissingCode, "`code` is missing or empty").with("field", "code")
}

fn unknown(id: WorkerId) -> ApiError {
    worker_not_found(&id.to_string())
}

/// Creates the error for code that is too expensive to compile. Such code always contains deep nesting of some kind.
fn too_expensive(what: TooExpensive) -> ApiError {
    ApiError::new(ErrorCode::TooExpensive, format!("this cannot be compiled: {what}"))
        .with("help", "Look for long runs of nested brackets, `<` among them, and for very large literals.")
}

/// Creates the error for rejected code. Its code and message are those of the first diagnostic; all diagnostics are
/// included.
fn rejected(diagnostics: &[Diagnostic]) -> ApiError {
    let Some(first) = diagnostics.first() else {
        return ApiError::internal("the transpiler rejected the code without saying why");
    };
    let code = match first.kind {
        DiagnosticKind::SyntaxError => ErrorCode::SyntaxError,
        DiagnosticKind::NoExportedFunction => ErrorCode::NoExportedFunction,
        DiagnosticKind::InvalidFunctionName => ErrorCode::InvalidFunctionName,
        DiagnosticKind::UnsupportedImport => ErrorCode::UnsupportedImport,
        DiagnosticKind::UnsupportedSyntax => ErrorCode::UnsupportedSyntax,
        DiagnosticKind::TooDeep => ErrorCode::TooDeep,
    };
    let all: Vec<Value> = diagnostics.iter().map(diagnostic_body).collect();
    let message = format!("{} (line {}, column {})", first.message.trim_end_matches('.'), first.line, first.column);
    ApiError::new(code, message)
        .with("line", first.line)
        .with("column", first.column)
        .with("codeFrame", first.code_frame.as_str())
        .with("help", first.help.clone())
        .with("diagnostics", all)
}

fn diagnostic_body(diagnostic: &Diagnostic) -> Value {
    json!({
        "code": diagnostic.kind.code(),
        "message": diagnostic.message,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "codeFrame": diagnostic.code_frame,
        "help": diagnostic.help,
    })
}

#[cfg(test)]
mod tests {
    use workers_domain::ports::SandboxError;

    use super::*;

    #[test]
    fn a_database_that_is_away_or_rolls_back_is_worth_another_try() {
        for error in [RepositoryError::Unavailable("10.0.0.1 refused".into()), RepositoryError::RolledBack("".into())] {
            let error = ApiError::from(error);
            assert_eq!(error.code(), ErrorCode::DatabaseUnavailable);
            assert_eq!(error.to_response(None).headers().get("retry-after").unwrap(), "5");
        }
    }

    #[test]
    fn a_compiler_that_is_away_is_worth_another_try_and_its_cause_stays_with_us() {
        let error = ApiError::from(DeployError::CompilerUnavailable("process 7 has stalled".to_owned()));
        let response = error.to_response(None);
        assert_eq!((response.status().as_u16(), error.code().as_str()), (503, "compiler_unavailable"));
        assert_eq!(response.headers().get("retry-after").unwrap(), "5");
        assert!(!error.to_string().contains('7') && error.cause_chain().unwrap().contains("process 7"));
    }

    #[test]
    fn code_that_takes_a_compiler_too_much_is_refused_by_a_name_of_its_own() {
        for (what, message) in [
            (TooExpensive::Time, "this cannot be compiled: it takes too long"),
            (TooExpensive::Memory, "this cannot be compiled: it takes too much memory"),
            (TooExpensive::Crash, "this cannot be compiled: it ends the compiler"),
        ] {
            let error = ApiError::from(DeployError::TooExpensive(what));
            let status = error.to_response(None).status().as_u16();
            assert_eq!((status, error.code().as_str(), error.to_string().as_str()), (400, "too_expensive", message));
        }
    }

    #[test]
    fn a_deploy_that_broke_off_is_an_internal_error_and_not_the_transpilers() {
        let error = ApiError::from(DeployError::BrokeOff("a task panicked".to_owned()));
        assert_eq!((error.code(), error.to_string().as_str()), (ErrorCode::Internal, "internal error"));
        assert_eq!(error.cause_chain().as_deref(), Some("the storing of the worker broke off: a task panicked"));
    }

    #[test]
    fn what_the_database_said_stays_with_us() {
        let error =
            ApiError::from(RepositoryError::Refused { operation: "insert of a worker", source: "secret".into() });
        assert_eq!((error.code(), error.to_string().as_str()), (ErrorCode::Internal, "internal error"));
        assert_eq!(error.cause_chain().as_deref(), Some("the database refused the insert of a worker: secret"));
    }

    #[test]
    fn a_database_that_needs_its_operator_is_reported_by_its_own_code_and_without_internals() {
        let secret = || "/var/lib/w.sqlite3".into();
        for (error, code, retry_after) in [
            (RepositoryError::ReadOnly { operation: "o", source: secret() }, ErrorCode::StorageReadOnly, Some("5")),
            (RepositoryError::Denied { operation: "o", source: secret() }, ErrorCode::DatabaseDenied, None),
            (RepositoryError::Damaged(secret()), ErrorCode::DatabaseDamaged, None),
            (RepositoryError::SchemaIncomplete(secret()), ErrorCode::SchemaMissing, None),
            (RepositoryError::Full { operation: "o", source: secret() }, ErrorCode::StorageFull, None),
        ] {
            let error = ApiError::from(error);
            let answer = error.to_response(None);
            assert_eq!(error.code(), code);
            assert_eq!(
                answer.headers().get("retry-after").map(|value| value.to_str().unwrap()),
                retry_after,
                "{error}"
            );
            assert!(!error.to_string().contains("sqlite3"), "{error}");
            assert!(error.cause_chain().unwrap().contains("sqlite3"), "{error}");
        }
    }

    #[test]
    fn what_the_sandbox_said_stays_with_us() {
        let source = SandboxError::new(SandboxErrorKind::Failed, "mount /proc: permission denied");
        let worker_id = WorkerId::from(uuid::Uuid::nil());
        let error = ApiError::from(DeployError::Sandbox { worker_id, source });
        assert_eq!(error.code(), ErrorCode::SandboxFailed);
        assert!(!error.to_string().contains("mount"));
    }

    #[test]
    fn a_deploy_for_which_there_was_no_room_is_reported_as_that_and_names_no_worker() {
        let source = SandboxError::new(SandboxErrorKind::StorageFull, "no space left on /var");
        let error = ApiError::from(DeployError::Sandbox { worker_id: WorkerId::from(uuid::Uuid::nil()), source });
        assert_eq!(error.code(), ErrorCode::StorageFull);
        assert!(error.details.is_empty() && !error.to_string().contains("/var"));
    }

    #[test]
    fn a_long_name_is_quoted_without_control_characters_and_cut() {
        let quoted = printable(&format!("a\0b{}", "c".repeat(1000)));
        assert!(quoted.starts_with("abc") && quoted.ends_with('…'));
        assert_eq!(quoted.chars().count(), QUOTED_CHARS + 1);
    }
}
