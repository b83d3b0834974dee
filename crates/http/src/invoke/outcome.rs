//! The body for the outcome of an invocation, used by the batch response and the last event of a stream.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use workers_domain::{InvocationReport, Outcome};

use super::failure::FailureBody;
use super::{Receipt, Warning, whole_millis};

/// The outcome of an invocation.
pub(crate) enum OutcomeBody {
    /// The function returned.
    Returned(ReturnedBody),
    /// The function has no result.
    Failed(FailedBody),
}

/// The data of a `result` event, which is the last: the function returned.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResultData)]
pub(crate) struct ReturnedBody {
    /// Always true.
    success: bool,
    /// What the function returned, any JSON value.
    #[schema(value_type = serde_json::Value)]
    result: Box<RawValue>,
    /// How long it ran, in milliseconds.
    duration: u64,
    /// Places where the returned value was not JSON's own, and what went wrong besides; absent if none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<Warning>,
    #[serde(flatten)]
    receipt: Receipt,
}

/// The data of an `error` event, which is the last: the function has no result.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorData)]
pub(crate) struct FailedBody {
    #[serde(flatten)]
    failure: FailureBody,
    /// How long it ran, in milliseconds.
    duration: u64,
    #[serde(flatten)]
    receipt: Receipt,
}

impl From<InvocationReport> for OutcomeBody {
    fn from(report: InvocationReport) -> Self {
        let receipt = Receipt::new(&report);
        let duration = whole_millis(report.timings.run);
        match report.outcome {
            Outcome::Returned { result, warnings } => {
                let (result, warnings) = (result.into_raw(), Warning::all(&warnings));
                Self::Returned(ReturnedBody { success: true, result, duration, warnings, receipt })
            }
            Outcome::Failed(failure) => Self::Failed(FailedBody { failure: failure.into(), duration, receipt }),
        }
    }
}
