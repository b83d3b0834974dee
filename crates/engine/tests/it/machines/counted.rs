//! Numbers that the kernel keeps by user: a machine that uses its own up takes nothing from the host and from other machines.

use std::process::Command;

use workers_domain::ports::{CommandEvent, Machine, MachineCommand, MachineCommandSpec};
use workers_engine_sys::syscall_number;

use super::support::{Machines, shell};

/// Takes watchers until there are no more, says how many, and keeps them.
fn take_watchers() -> String {
    let make = syscall_number("inotify_init1").unwrap();
    format!("my $n = 0; $n++ while syscall({make}, 0) >= 0; print \"$n\\n\";")
}

/// Queues this many signals to itself, or as many as it can, says how many, and keeps them.
fn queue_signals(most: u32) -> String {
    let send = syscall_number("rt_sigqueueinfo").unwrap();
    format!(
        "use POSIX; my $all = POSIX::SigSet->new; $all->fillset; sigprocmask(SIG_BLOCK, $all); my $n = 0;
         my $info = pack('lllx116', 40, 0, -1); $n++ while $n < {most} && syscall({send}, $$ + 0, 40, $info) == 0; print \"$n\\n\";"
    )
}

/// What a Perl program of the host prints.
fn on_host(script: &str) -> String {
    let ran = Command::new("perl").args(["-e", script]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// A Perl program that goes on until its machine ends; and the first that it prints.
async fn in_machine(machine: &dyn Machine, script: &str) -> (Box<dyn MachineCommand>, String) {
    let args = vec!["-e".to_owned(), format!("$| = 1; {script}; sleep 1000")];
    let spec = MachineCommandSpec { program: "perl".to_owned(), args, as_root: true, ..shell("") };
    let mut command = machine.run(spec).await.unwrap();
    match command.next_event().await.unwrap().unwrap() {
        CommandEvent::Output { bytes, .. } => (command, String::from_utf8(bytes).unwrap().trim().to_owned()),
        other @ CommandEvent::Exited(_) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_of_files_are_a_machines_own() {
    let machines = Machines::start().await;
    let (one, other) = (machines.machine().await, machines.machine().await);
    let before = on_host(&take_watchers());
    let (_taken, most) = in_machine(&*one, &take_watchers()).await;
    assert_eq!(most, "128");
    assert_eq!(in_machine(&*other, &take_watchers()).await.1, most);
    assert_eq!(on_host(&take_watchers()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_signals_are_a_machines_own() {
    let machines = Machines::start().await;
    let (one, other) = (machines.machine().await, machines.machine().await);
    // One user of a machine has 512. Many users together have what the server has, and that is one number for all of the machine.
    let many = format!(
        "pipe(my $said, my $say); for my $id (2000..2239) {{ if (!fork) {{ $) = $( = $id; $< = $> = $id; select($say); $| = 1; {}
         sleep 1000 }} }} my $all = 0; $all += <$said> for 2000..2239; print \"$all\\n\"",
        queue_signals(1000)
    );
    let (_queued, all) = in_machine(&*one, &many).await;
    assert!(all.parse::<u32>().unwrap() > 50_000, "{all}");
    assert_eq!(in_machine(&*other, &queue_signals(1000)).await.1, "512");
    assert_eq!(on_host(&queue_signals(1000)), "1000");
}
