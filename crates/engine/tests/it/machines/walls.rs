//! What a machine's root must not do.

use workers_domain::ports::{ExitStatus, MachineCommandSpec};

use super::support::{Machines, root_sh, run, shell};

#[tokio::test(flavor = "multi_thread")]
async fn the_root_of_a_machine_has_no_rights_outside_of_it() {
    let machines = Machines::start().await;
    let machine = machines.machine().await;
    for script in [
        "mount -t tmpfs none /mnt",
        "unshare -m true",
        "chroot /tmp true",
        "mknod /tmp/null c 1 3 && echo x > /tmp/null",
        "echo 1 > /proc/sys/kernel/panic",
        "echo b > /proc/sysrq-trigger && cat /proc/sysrq-trigger | grep .",
        "hostname other",
        "cat /proc/1/environ",
        "ls -l /proc/1/root/",
        "cat /proc/kcore | head -c 1 | grep -q .",
        "date -s 2000-01-01",
        "dmesg",
        "kill -9 1 && false",
        "ip link add dummy0 type dummy || nice -n -20 true | grep x",
    ] {
        let ran = run(&*machine, MachineCommandSpec { as_root: true, ..shell(script) }).await;
        assert_ne!(ran.status, ExitStatus::Code(0), "{script}: {ran:?}");
    }
    assert_eq!(root_sh(&*machine, "echo alive").await, "alive\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_has_nothing_of_the_host_but_its_programs() {
    let machines = Machines::start().await;
    let machine = machines.machine().await;
    let host = std::fs::read_to_string("/etc/shadow").unwrap_or_default();
    assert_ne!(root_sh(&*machine, "cat /etc/shadow").await, host);
    assert_eq!(root_sh(&*machine, "ls /home /root /mnt /srv /sys | wc -w").await, "5\n", "the five names themselves");
    let marker = crate::support::unique();
    let secret = machines.directory.path().join(&marker);
    std::fs::write(&secret, "secret").unwrap();
    let ran = run(&*machine, MachineCommandSpec { as_root: true, ..shell(&format!("cat {}", secret.display())) }).await;
    assert_ne!(ran.status, ExitStatus::Code(0));
    // No process but the machine's own.
    assert_eq!(root_sh(&*machine, "ls /proc | grep -c '^[0-9]'").await.trim().parse::<u32>().unwrap() < 8, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn capabilities_are_those_of_a_machine_and_no_program_gains_more() {
    let machines = Machines::start().await;
    let machine = machines.machine().await;
    // Chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, audit_write, setfcap.
    let expected = "00000000a00005fb";
    assert_eq!(
        root_sh(&*machine, "grep -E 'Cap(Prm|Bnd)' /proc/self/status | cut -f2 | sort -u").await,
        format!("{expected}\n")
    );
    let script = "grep -E 'Cap(Prm|Eff|Inh|Amb)' /proc/self/status | cut -f2 | sort -u";
    assert_eq!(super::support::sh(&*machine, script).await, "0000000000000000\n");
    assert_eq!(
        super::support::sh(&*machine, &format!("sudo sh -c \"{}\"", script.replace("Inh|Amb", "Bnd"))).await,
        format!("{expected}\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_of_a_machine_is_that_of_its_policy_and_can_be_changed() {
    let machines = Machines::start().await;
    let machine = machines.machine().await;
    let connect =
        "node -e \"require('net').connect(9, '192.0.2.1').on('error', (e) => { console.log(e.code); process.exit() })
        .on('connect', () => process.exit()); setTimeout(() => { console.log('waits'); process.exit() }, 300)\"";
    let denied = super::support::sh(&*machine, connect).await;
    assert_eq!(denied, "EACCES\n");
    machine.set_network("192.0.2.0/24:9".parse().unwrap());
    // Not a public address, so it stays closed; but another denial would be told of a name.
    assert_eq!(super::support::sh(&*machine, connect).await, "EACCES\n");
}
