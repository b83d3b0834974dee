//! What is logged, and what must not be.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use workers_domain::ports::{CommandSpec, SandboxFile, SandboxPath};

use crate::support::{FakeApi, Reply, Route, events, node, output, provider, sandbox, started};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_shows_a_token_or_what_a_user_sent_or_printed() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let cut = Reply::stream(&[started(), output("stdout", "user_printed")]).then_cut();
    let api = FakeApi::with(Route::Run, [cut]).await;
    api.script(Route::Write, [Reply::error(500, "internal")]);
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    let file = SandboxFile { path: SandboxPath::parse("a").unwrap(), contents: b"user_wrote".to_vec() };
    sandbox.write_files(vec![file]).await.unwrap();
    let env = vec![("KEY".to_owned(), "user_environment".to_owned())];
    let spec = CommandSpec { args: vec!["user_argument".to_owned()], env, ..node() };
    events(&mut *sandbox.run(spec).await.unwrap()).await;
    sandbox.stop().await.unwrap();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let expected =
        ["vercel.sandbox.create", sandbox.id().as_str(), "is tried again", "is resumed", "vercel.sandbox.stop"];
    for expected in expected {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    for secret in ["token_secret", "user_"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
