//! What a script is started with.

/// The variable with the token that every frame carries.
pub const TOKEN_VARIABLE: &str = "WORKERS_FRAME";

/// The variable with the largest result, in bytes.
pub const RESULT_LIMIT_VARIABLE: &str = "WORKERS_RESULT_LIMIT";

/// The longest payload that travels as an argument, in bytes: an argument must be shorter than 128 KiB on Linux, and
/// providers bound all of them together.
pub const MAX_INLINE_PAYLOAD: usize = 64 * 1024;

/// Begins an argument that names the file with the payload.
const IN_FILE: char = '@';

/// One call of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The export to call.
    pub function: String,
    /// The function's one argument.
    pub payload: Payload,
    /// 32 hexadecimal digits, fresh for each call.
    pub token: String,
    /// The largest result, in bytes of JSON.
    pub result_limit: usize,
}

/// The argument of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// JSON, of [`MAX_INLINE_PAYLOAD`] bytes at most.
    Inline(String),
    /// The path of a file that holds the JSON, relative to the script's working directory.
    File(String),
}

/// A call as a script finds it: for whatever stands in for a script in a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedCall {
    /// The export to call; empty where none is named.
    pub function: String,
    /// The function's one argument.
    pub payload: Payload,
    /// The token of its frames; empty where there is none.
    pub token: String,
}

impl Call {
    /// The arguments behind the script's name.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let payload = match &self.payload {
            Payload::Inline(json) => json.clone(),
            Payload::File(path) => format!("{IN_FILE}{path}"),
        };
        vec![self.function.clone(), payload]
    }

    /// The variables, by name.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![
            (TOKEN_VARIABLE.to_owned(), self.token.clone()),
            (RESULT_LIMIT_VARIABLE.to_owned(), self.result_limit.to_string()),
        ]
    }
}

impl ReceivedCall {
    /// Reads the arguments behind the script's name, and the variables.
    #[must_use]
    pub fn read(arguments: &[String], environment: &[(String, String)]) -> Self {
        let argument = |index: usize| arguments.get(index).cloned().unwrap_or_default();
        let payload = argument(1);
        let payload = match payload.strip_prefix(IN_FILE) {
            Some(path) => Payload::File(path.to_owned()),
            None => Payload::Inline(payload),
        };
        let token = environment.iter().find(|(name, _)| name == TOKEN_VARIABLE).map(|(_, token)| token.clone());
        Self { function: argument(0), payload, token: token.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_received_as_it_was_made() {
        for payload in [Payload::Inline("{\"a\":1}".to_owned()), Payload::File("payload.json".to_owned())] {
            let (function, token) = ("main".to_owned(), "0".repeat(32));
            let call =
                Call { function: function.clone(), payload: payload.clone(), token: token.clone(), result_limit: 5 };
            let received = ReceivedCall::read(&call.arguments(), &call.environment());
            assert_eq!(received, ReceivedCall { function, payload, token });
        }
    }
}
