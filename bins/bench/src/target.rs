//! What can be put under load.

use std::pin::Pin;

/// The work, the same for all: parse a payload, print a line, answer with the SHA-256 of a member.
pub(crate) const WORK: &str = "import { createHash } from 'node:crypto';
export async function work(payload) {
  console.log('hashing ' + payload.text);
  return createHash('sha256').update(payload.text).digest('hex');
}
";

/// The payload.
pub(crate) const PAYLOAD: &str = r#"{"text":"hello"}"#;

/// What its answer must hold, or it counts as a failure.
pub(crate) const EXPECTED: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// One request, which fails if the answer is not the right one.
pub(crate) type Request<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>;

/// Something that answers requests.
pub(crate) trait Target: Sync {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// Sends a request and waits for its whole answer.
    fn request(&self) -> Request<'_>;
}

/// Fails if the text lacks the right answer.
pub(crate) fn check(text: &str) -> anyhow::Result<()> {
    anyhow::ensure!(text.contains(EXPECTED), "wrong answer: {text}");
    Ok(())
}
