//! How long the first invocation of a worker takes that was deployed a moment before.

use std::time::{Duration, Instant};

use crate::platform::{Server, distinct};
use crate::target::PAYLOAD;

/// Workers a round.
const WORKERS: u32 = 20;

/// Between the answer to a deploy and the invocation: a person or a script that deploys and calls is not faster.
const PAUSE: Duration = Duration::from_millis(100);

/// Before each deploy. A template takes longer to boot than a deploy and an invocation together; workers that come
/// faster than templates start a node of their own, which is another figure.
const REST: Duration = Duration::from_millis(700);

/// The times of the first invocations of new workers. The round keeps those of one from those of another apart.
pub(crate) async fn measure(server: &Server, round: usize) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for number in 0..WORKERS {
        let number = u32::try_from(round)? * WORKERS + number;
        tokio::time::sleep(REST).await;
        let worker = server.deploy(&distinct("first", number)).await?;
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        let answer = server.invoke(&worker, PAYLOAD).await?;
        times.push(began.elapsed());
        anyhow::ensure!(answer["success"] == true, "an invocation failed: {answer}");
    }
    Ok(times)
}
