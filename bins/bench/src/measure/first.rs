//! How long the first invocation of a worker takes shortly after its deploy.

use std::time::{Duration, Instant};

use crate::platform::{Server, distinct};
use crate::target::PAYLOAD;

/// Workers in each round.
const WORKERS: u32 = 20;

/// The pause between the response to a deploy and the invocation. A person or a script that deploys and then calls is
/// not faster.
const PAUSE: Duration = Duration::from_millis(100);

/// The pause before each deploy. A template takes longer to boot than a deploy and an invocation together. If workers
/// come faster than templates boot, their invocations start a node of their own, which is another figure.
const REST: Duration = Duration::from_millis(700);

/// Returns the times of the first invocations of new workers. The number of the round makes them differ from those of
/// other rounds.
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
