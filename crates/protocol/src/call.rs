//! The arguments and environment that a script is started with.

/// The environment variable with the token that every frame contains.
pub const TOKEN_VARIABLE: &str = "WORKERS_FRAME";

/// The environment variable with the maximum result size in bytes.
pub const RESULT_LIMIT_VARIABLE: &str = "WORKERS_RESULT_LIMIT";

/// Maximum size of a payload that is passed as an argument, in bytes. On Linux an argument must be shorter than 128
/// KiB, and providers limit the total size of all arguments.
pub const MAX_INLINE_PAYLOAD: usize = 64 * 1024;

/// The prefix of an argument that contains the path of the payload file.
const IN_FILE: char = '@';

/// One call of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The export to call.
    pub function: String,
    /// The only argument of the function.
    pub payload: Payload,
    /// The token: 32 hexadecimal digits, new for each call.
    pub token: String,
    /// Maximum size of the result, in bytes of JSON.
    pub result_limit: usize,
}

/// The argument of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// JSON, at most [`MAX_INLINE_PAYLOAD`] bytes.
    Inline(String),
    /// The path of a file that contains the JSON, relative to the script's working directory.
    File(String),
}

/// A call as a script receives it. Used by test doubles of scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedCall {
    /// The export to call; empty if none was given.
    pub function: String,
    /// The only argument of the function.
    pub payload: Payload,
    /// The token for its frames; empty if there is none.
    pub token: String,
}

impl Call {
    /// Returns the arguments after the script's name.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let payload = match &self.payload {
            Payload::Inline(json) => json.clone(),
            Payload::File(path) => format!("{IN_FILE}{path}"),
        };
        vec![self.function.clone(), payload]
    }

    /// Returns the environment variables as pairs of name and value.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![
            (TOKEN_VARIABLE.to_owned(), self.token.clone()),
            (RESULT_LIMIT_VARIABLE.to_owned(), self.result_limit.to_string()),
        ]
    }
}

impl ReceivedCall {
    /// Parses the arguments after the script's name, and the environment variables.
    #[must_use]
    pub fn read(arguments: &[String], environment: &[(String, String)]) -> Self {
        let argument = |index: usize| arguments.get(index).cloned().unwrap_or_default();
        let payload = argument(1);
        // No JSON text begins with this character, so a payload is never taken for a path.
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
