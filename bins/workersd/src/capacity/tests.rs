//! Divides hosts of several sizes.
use super::*;
use crate::config::{Cli, Subcommand};

const GIB: u64 = 1 << 30;
const HOST: Resources =
    Resources { sandboxes: 90_000, memory_bytes: 24 * GIB, millicores: 4000, pids: 32_768, descriptors: 20_000 };

fn settings(arguments: &[&str]) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    let fixed = ["workersd", "serve", "--node", "/bin/sh", "--data-dir", directory.path().to_str().unwrap()];
    let cli = Cli::try_read(fixed.iter().chain(arguments)).unwrap();
    let Subcommand::Serve(options) = cli.command else { unreachable!("`serve` was given") };
    let mut settings = Settings::new(*options).unwrap();
    if !settings.capacity.concurrency_is_set {
        // The default on a host with four cores. The test must not depend on the host it runs on.
        settings.service.max_concurrent_invocations = 16;
    }
    settings
}

fn plan(arguments: &[&str], host: Resources) -> anyhow::Result<Plan> {
    Plan::new(&settings(arguments), host)
}

#[test]
fn invocations_come_first_and_containers_have_the_rest() {
    let plan = plan(&["--vercel-api", "127.0.0.1:0", "--reserve", "memory=2GiB"], HOST).unwrap();
    assert_eq!((plan.concurrency, plan.lowered.is_none()), (16, true));
    let containers = plan.containers.unwrap();
    assert_eq!(containers.capacity.memory_bytes, 24 * GIB - 2 * GIB - 4 * GIB);
    // 65 are the 64 processes of an invocation and the init of its sandbox.
    assert_eq!(containers.capacity.pids, 32_768 - 3276 - 16 * 65);
    assert_eq!((containers.capacity.millicores, containers.sizes.max_vcpus), (16_000, 4));
}

#[test]
fn nothing_that_is_granted_is_more_than_the_host_has() {
    for memory in [3, 4, 5, 8, 24, 64, 1024] {
        for arguments in [&["--vercel-api", "127.0.0.1:0"][..], &[], &["--memory", "64MiB", "--processes", "4096"]] {
            let host = Resources { memory_bytes: memory * GIB, ..HOST };
            let plan = plan(arguments, host).unwrap();
            let invocations = invocation(&settings(arguments)).times(plan.concurrency as u64);
            let containers = plan.containers.map(|containers| Resources { millicores: 0, ..containers.capacity });
            let all = plan.reserve.plus(invocations).plus(containers.unwrap_or_default());
            assert_eq!(all.shortage(host), None, "{memory} {arguments:?}: {plan:?}");
        }
    }
}

#[test]
fn the_usual_number_of_invocations_is_lowered_with_a_reason() {
    let host = Resources { memory_bytes: 2 * GIB, ..HOST };
    let plan = plan(&[], host).unwrap();
    // The least reserve is 512 MiB, and each invocation takes 256 MiB of the other 1.5 GiB.
    assert_eq!(plan.concurrency, 6);
    let reason = plan.lowered.clone().unwrap();
    assert!(reason.contains("16 at one time take 4.0 GiB") && reason.contains("1.5 GiB"), "{reason}");
    assert!(plan.describe().contains("6 invocations fit, fewer than usual"), "{}", plan.describe());
    let mut settings = settings(&[]);
    plan.apply(&mut settings);
    assert_eq!(settings.service.max_concurrent_invocations, 6);
    assert_eq!(settings.service.concurrent_per_worker(), 4, "the share of one worker follows");
}

#[test]
fn a_configured_number_that_does_not_fit_is_refused_with_the_numbers() {
    let refused = plan(&["--concurrency", "1000"], HOST).unwrap_err().to_string();
    // A quarter of 20,000 descriptors is reserved, and each invocation takes 254 of the others.
    for expected in ["--concurrency", "1000", "descriptors", "15000", "At most 59"] {
        assert!(refused.contains(expected), "{refused}");
    }
    let refused = plan(&["--concurrency", "50", "--memory", "1GiB"], HOST).unwrap_err().to_string();
    for expected in ["50 at one time take 50.0 GiB of memory", "--memory", "21.6 GiB", "--reserve", "At most 21"] {
        assert!(refused.contains(expected), "{refused}");
    }
    let refused = plan(&["--concurrency", "20", "--processes", "4000"], HOST).unwrap_err().to_string();
    assert!(refused.contains("--processes") && refused.contains("At most 7"), "{refused}");
    assert!(plan(&["--concurrency", "50"], HOST).is_ok());
    assert!(plan(&["--concurrency", "50", "--memory", "1GiB", "--overcommit-memory", "3"], HOST).is_ok());
    assert!(plan(&["--memory", "32GiB"], HOST).is_err());
}

#[test]
fn a_small_host_has_room_for_one_container_beside_invocations() {
    let plan = plan(&["--vercel-api", "127.0.0.1:0"], Resources { memory_bytes: 4 * GIB, ..HOST }).unwrap();
    // Beside the reserve there are 3.5 GiB: 2 for the smallest container, and the rest for six invocations.
    assert_eq!((plan.concurrency, plan.containers.unwrap().sizes.max_vcpus), (6, 1));
}

#[test]
fn an_api_without_room_for_a_container_is_refused() {
    for arguments in [
        // 48 times 450 MiB leave less than the 2 GiB of the smallest container.
        &["--vercel-api", "127.0.0.1:0", "--concurrency", "48", "--memory", "450MiB"][..],
        &["--vercel-api", "127.0.0.1:0", "--reserve", "memory=23GiB"],
        // Overcommitment does not make one container larger than the host.
        &["--vercel-api", "127.0.0.1:0", "--reserve", "memory=23GiB", "--overcommit-memory", "10"],
    ] {
        let refused = plan(arguments, HOST).unwrap_err().to_string();
        assert!(refused.contains("--vercel-api") && refused.contains("2.0 GiB"), "{refused}");
    }
}

#[test]
fn memory_is_granted_more_than_once_only_where_it_is_configured() {
    let arguments = ["--vercel-api", "127.0.0.1:0", "--reserve", "memory=4GiB", "--overcommit-memory", "2"];
    let containers = plan(&arguments, Resources { millicores: 64_000, ..HOST }).unwrap().containers.unwrap();
    assert_eq!(containers.capacity.memory_bytes, 40 * GIB - 4 * GIB);
    // 20 GiB are there beside the reserve, and a container has 2 GiB for each of its cores.
    assert_eq!(containers.sizes.max_vcpus, 10, "one alone gets what there is");
}

#[test]
fn invocations_in_the_cloud_take_no_memory_here() {
    let plan = plan(&["--sandbox", "vercel", "--concurrency", "1000"], HOST).unwrap();
    assert_eq!(plan.concurrency, 1000);
}

#[test]
fn connections_of_clients_come_out_of_the_reserve() {
    let plan = plan(&["--vercel-api", "127.0.0.1:0"], HOST).unwrap();
    // Half of the 5,000 reserved descriptors, half of that for each API. A connection of the Vercel API counts as four.
    assert_eq!(plan.connections, [1250, 312]);
    let mut settings = settings(&[]);
    plan.apply(&mut settings);
    assert!(settings.http.max_connections_per_thread * settings.http.threads <= 1250);
}

#[test]
fn booted_nodes_have_half_of_what_is_reserved() {
    let room = |arguments: &[&str], host| {
        let mut settings = settings(arguments);
        plan(arguments, host).unwrap().apply(&mut settings);
        settings.capacity.templates
    };
    let expected = Templates::PerContent { most: 3276 / 2 / 8, memory_bytes: 24 * GIB / 10 / 2 };
    assert_eq!(room(&[], HOST), expected);
    let small = Resources { memory_bytes: 2 * GIB, ..HOST };
    assert_eq!(room(&[], small), Templates::PerContent { most: 3276 / 2 / 8, memory_bytes: 256 << 20 });
    let templates = room(&["--reserve", "memory=4GiB,pids=160"], HOST);
    assert_eq!(templates, Templates::PerContent { most: 10, memory_bytes: 2 * GIB });
}
