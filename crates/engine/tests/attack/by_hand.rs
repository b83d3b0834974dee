//! Runs one attack by hand: `WORKERS_ATTACK='toggle-tcp 3600' cargo nextest run -p workers-engine --run-ignored only
//! --no-capture attack::by_hand`. `WORKERS_ATTACK_WAY` as `spawn`, `library` or `container` starts it in another way.
//! `scripts/blocking-calls.sh` shows what the engine's threads wait for meanwhile.

use super::support::{Attack, Way, withstand};
use super::target::{ContainerTarget, Forked};

#[test]
#[ignore = "a tool, not a test"]
fn an_attack_by_hand() {
    let Ok(words) = std::env::var("WORKERS_ATTACK") else { return };
    let attack = Attack::new(&words).in_many();
    let reports = match std::env::var("WORKERS_ATTACK_WAY").as_deref() {
        Ok("container") => withstand::<ContainerTarget>(&[attack.by_root()]),
        Ok("library") => withstand::<Forked>(&[attack.by(Way::Library)]),
        Ok("spawn") => withstand::<Forked>(&[attack.by(Way::Spawn)]),
        _ => withstand::<Forked>(&[attack]),
    };
    println!("{reports:#?}");
}
