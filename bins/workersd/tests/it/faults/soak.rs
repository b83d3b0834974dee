//! Causes one fault after the other while clients work. `./just soak` runs it by hand; the same seed makes the same
//! faults.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use workers_testing::{Random, skip_unless_root};

use super::descriptors::{descriptor_limit, limit_descriptors, open_descriptors};
use super::engine::{
    BLAME, Mounted, cgroup_bases, children_of, launcher_of, problems, sandboxes_of, signal, snapshot_files,
};
use super::groups::{Group, remove_groups};
use super::readonly::ReadOnly;
use crate::support::local::{TestServer, status_and_body};
use crate::support::remove_tree;

const CLIENTS: u64 = 6;

/// How many files the file system has room for.
const INODES: usize = 20_000;

/// How long a fault lasts, and how long everything must work before the next one.
const FAULT: Duration = Duration::from_secs(4);
const REST: Duration = Duration::from_secs(4);

/// The time within which `/readyz` must be right after a fault has begun, and after it has ended.
const TRUE: Duration = Duration::from_secs(3);

/// What the server has acknowledged: the workers, and the factor that each one multiplies with.
type Acknowledged = Arc<Mutex<BTreeMap<String, u64>>>;

#[derive(Default)]
struct Counts {
    right: AtomicU64,
    ours: AtomicU64,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes"]
async fn nothing_acknowledged_is_lost_and_no_function_is_blamed_whatever_breaks() {
    skip_unless_root("a file system of its own");
    let seconds = number_of("WORKERS_SOAK_SECONDS").unwrap_or(600);
    let mut random = Random(number_of("WORKERS_SOAK_SEED").unwrap_or(1));
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("data");
    fs::create_dir(&place).unwrap();
    let _mounted = Mounted::of(&place, &format!("size=1g,mode=0700,nr_inodes={INODES}"));
    let data_dir = place.join("d");
    let pids = Group::new("pids", "soak");
    let server = Arc::new(TestServer::start_program(&pids.program(directory.path()), &data_dir, &[]));
    let ground = Ground { server: Arc::clone(&server), data_dir, place, pids };
    let (acknowledged, counts) = (Acknowledged::default(), Arc::new(Counts::default()));
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (server, acknowledged) = (Arc::clone(&server), Arc::clone(&acknowledged));
            let (counts, done) = (Arc::clone(&counts), Arc::clone(&done));
            tokio::spawn(async move {
                let mut random = Random(client + 100);
                while !done.load(Ordering::Relaxed) {
                    work(&server, &acknowledged, &counts, &mut random).await;
                }
            })
        })
        .collect();
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(seconds) {
        let (name, lasts) = FAULTS[random.position(FAULTS.len())];
        let undo = ground.break_it(name);
        // Filling a disk takes seconds; the fault begins when it is full.
        let fault = Instant::now();
        while is_ready(&server).await && fault.elapsed() < TRUE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let reported = fault.elapsed();
        assert!(!lasts || reported < TRUE, "`{name}` is not reported");
        tokio::time::sleep(FAULT.saturating_sub(reported)).await;
        undo();
        let ended = Instant::now();
        while !is_ready(&server).await {
            assert!(ended.elapsed() < TRUE, "after `{name}`: {:?}", problems(&server).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let whole = ended.elapsed();
        deploy_and_call(&server, &acknowledged).await;
        slowest = slowest.max(whole);
        let reported =
            if reported < TRUE { format!("reported after {reported:.1?}") } else { "mended unseen".to_owned() };
        println!("{:>4} s: {name}, {reported}, whole after {whole:.1?}", began.elapsed().as_secs());
        tokio::time::sleep(REST).await;
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let kept = acknowledged.lock().unwrap().clone();
    for (id, factor) in &kept {
        let (status, body) = server.call(id, "times", &json!({"n": 3})).await;
        assert_eq!((status, &body["result"]), (200, &json!(3 * factor)), "{id} was lost: {body}");
    }
    let (_, list) = status_and_body(server.get("/api/workers").send().await.unwrap()).await;
    let creating = list.as_array().unwrap().iter().filter(|worker| worker["status"] == "creating").count();
    assert_eq!(creating, 0);
    let (right, ours) = (counts.right.load(Ordering::Relaxed), counts.ours.load(Ordering::Relaxed));
    println!(
        "{right} right answers, {ours} failures of ours, {} workers kept, whole after {slowest:?} at most",
        kept.len()
    );
}

async fn is_ready(server: &TestServer) -> bool {
    server.get("/readyz").send().await.unwrap().status() == 200
}

fn number_of(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Checks what `/readyz` promises: a deploy and an invocation succeed.
async fn deploy_and_call(server: &TestServer, acknowledged: &Acknowledged) {
    let code = "export const times = ({ n }) => n * 7";
    let response = server.post("/api/workers").json(&json!({"name": "w", "code": code})).send().await;
    let (status, body) = status_and_body(response.unwrap()).await;
    assert_eq!(status, 201, "ready, and no deploy: {body}");
    let id = body["id"].as_str().unwrap().to_owned();
    let (status, body) = server.call(&id, "times", &json!({"n": 3})).await;
    assert_eq!((status, &body["result"]), (200, &json!(21)), "ready, and no invocation");
    acknowledged.lock().unwrap().insert(id, 7);
}

/// Sends one request of a client: mostly an invocation, sometimes a deploy or a deletion.
async fn work(server: &TestServer, acknowledged: &Acknowledged, counts: &Counts, random: &mut Random) {
    let known: Vec<_> = acknowledged.lock().unwrap().iter().map(|(id, factor)| (id.clone(), *factor)).collect();
    let (kind, factor) = (random.below(20), random.below(1000));
    if known.is_empty() || (kind == 0 && known.len() < 40) {
        let code = format!("export const times = ({{ n }}) => n * {factor}");
        let response = server.post("/api/workers").json(&json!({"name": "w", "code": code})).send().await;
        let (status, body) = status_and_body(response.unwrap()).await;
        if status == 201 {
            acknowledged.lock().unwrap().insert(body["id"].as_str().unwrap().to_owned(), factor);
        } else {
            blameless(counts, status, &body);
        }
        return;
    }
    let (id, factor) = &known[random.position(known.len())];
    if kind == 1 && known.len() > 20 {
        // The worker is removed from the list first, because a failed deletion may have been done or not.
        if acknowledged.lock().unwrap().remove(id).is_some() {
            let response = server.http.delete(format!("{}/api/workers/{id}", server.url)).send().await.unwrap();
            let (status, body) = status_and_body(response).await;
            if status != 200 {
                blameless(counts, status, &body);
            }
        }
        return;
    }
    let (status, body) = server.call(id, "times", &json!({"n": 3})).await;
    if status == 200 {
        assert_eq!(body["result"], json!(3 * factor), "a wrong answer");
        counts.right.fetch_add(1, Ordering::Relaxed);
    } else if acknowledged.lock().unwrap().contains_key(id) {
        assert_ne!(status, 404, "{id} is not known any more: {body}");
        blameless(counts, status, &body);
    }
}

fn blameless(counts: &Counts, status: u16, body: &Value) {
    let code = body["code"].as_str().unwrap_or_default();
    assert!(!BLAME.contains(&code) && code != "internal" && status >= 429, "{status} {body}");
    counts.ours.fetch_add(1, Ordering::Relaxed);
}

/// The faults, and whether each one lasts until it is undone, so that `/readyz` must report it.
const FAULTS: [(&str, bool); 24] = [
    ("runtime removed", false),
    ("node removed", false),
    ("template removed", false),
    ("sandboxes removed", false),
    ("snapshots removed", false),
    ("snapshots torn", false),
    ("a file in place of snapshots", false),
    ("cgroups removed", false),
    ("sandboxes killed", false),
    ("node moved away and back", false),
    ("data directory moved away and back", true),
    ("another file system over the data directory", true),
    ("database moved away and back", true),
    ("another database in its place", true),
    ("disk full", true),
    ("file system read-only", true),
    ("inodes used up", true),
    ("processes used up", true),
    ("descriptors used up", true),
    ("launcher killed", false),
    ("launcher stopped", true),
    ("compilers killed", false),
    ("compilers stopped", false),
    ("launcher, compilers and sandboxes killed", false),
];

/// What the server depends on.
struct Ground {
    server: Arc<TestServer>,
    data_dir: PathBuf,
    /// The mount point of the file system with the data directory.
    place: PathBuf,
    pids: Group,
}

type Undo = Box<dyn FnOnce() + Send>;

impl Ground {
    /// Causes a fault. The returned function ends it.
    fn break_it(&self, name: &str) -> Undo {
        let (server, at) = (self.server.process_id(), |name: &str| self.data_dir.join(name));
        match name {
            "runtime removed" => remove_tree(&at("runtime")),
            "node removed" => remove_tree(&at("node")),
            "template removed" => remove_tree(&at("template")),
            // Files that are made at the same time may stay.
            "sandboxes removed" => drop(fs::remove_dir_all(at("sandboxes"))),
            "snapshots removed" => drop(fs::remove_dir_all(at("snapshots"))),
            "snapshots torn" => {
                for file in snapshot_files(&self.data_dir) {
                    // Some files are being removed.
                    let _ = fs::File::options().write(true).open(file).and_then(|file| file.set_len(100));
                }
            }
            "a file in place of snapshots" => {
                fs::rename(at("snapshots"), self.place.join("snapshots-away")).unwrap();
                let _ = fs::write(at("snapshots"), "");
                let away = self.place.join("snapshots-away");
                return Box::new(move || fs::remove_dir_all(away).unwrap());
            }
            "cgroups removed" => cgroup_bases(&self.data_dir).iter().for_each(|base| remove_groups(base)),
            "sandboxes killed" => kill_sandboxes(server),
            "node moved away and back" => return move_away(at("node/node")),
            "data directory moved away and back" => return move_away(self.data_dir.clone()),
            "another file system over the data directory" => {
                let mounted = Mounted::on(&self.data_dir);
                return Box::new(move || drop(mounted));
            }
            "database moved away and back" => return move_away(at("workers.sqlite3")),
            "another database in its place" => {
                let (database, away) = (at("workers.sqlite3"), at("workers.away"));
                fs::rename(&database, &away).unwrap();
                fs::copy(&away, &database).unwrap();
                return Box::new(move || fs::rename(away, database).unwrap());
            }
            "disk full" => return self.fill_disk(),
            "file system read-only" => {
                let harmed = ReadOnly::new(&self.place);
                return Box::new(move || drop(harmed));
            }
            "inodes used up" => return self.use_up_inodes(),
            "processes used up" => {
                self.pids.set("pids.max", self.pids.number("pids.current"));
                let limit = self.pids.file("pids.max");
                return Box::new(move || fs::write(limit, "max").unwrap());
            }
            "descriptors used up" => return use_up_descriptors(server),
            "launcher killed" => signal("KILL", launcher_of(server)),
            "launcher stopped" => signal("STOP", launcher_of(server)),
            "compilers killed" => signal_compilers("KILL", server),
            "compilers stopped" => signal_compilers("STOP", server),
            "launcher, compilers and sandboxes killed" => {
                kill_sandboxes(server);
                signal("KILL", launcher_of(server));
                signal_compilers("KILL", server);
            }
            other => panic!("{other}"),
        }
        Box::new(|| ())
    }

    fn fill_disk(&self) -> Undo {
        let filler = self.place.join("filler");
        let copied = Command::new("dd")
            .args(["if=/dev/zero", "bs=1M", &format!("of={}", filler.display())])
            .stderr(Stdio::null())
            .status();
        assert!(!copied.unwrap().success(), "the disk is full before all is written");
        Box::new(move || fs::remove_file(filler).unwrap())
    }

    fn use_up_inodes(&self) -> Undo {
        let fillers = self.place.join("fillers");
        fs::create_dir(&fillers).unwrap();
        let made = (0..INODES).take_while(|number| fs::File::create(fillers.join(format!("{number}"))).is_ok()).count();
        assert!(made < INODES);
        Box::new(move || fs::remove_dir_all(fillers).unwrap())
    }
}

/// Moves a file or directory away. The returned function moves it back.
fn move_away(from: PathBuf) -> Undo {
    let away = from.with_extension("away");
    fs::rename(&from, &away).unwrap();
    Box::new(move || {
        // A file that was made again in its place is removed first, as an operator would do.
        let _ = fs::remove_file(&from);
        fs::rename(&away, &from).unwrap();
    })
}

/// Lowers the server's limit of descriptors to the number that it has open.
fn use_up_descriptors(server: u32) -> Undo {
    let enough = descriptor_limit(server);
    limit_descriptors(server, open_descriptors(server));
    Box::new(move || limit_descriptors(server, enough))
}

fn kill_sandboxes(server: u32) {
    for pid in sandboxes_of(server) {
        // Some have exited.
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
    }
}

fn signal_compilers(name: &str, server: u32) {
    let is_compiler = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with("workers-compiler")
    };
    for pid in children_of(server).into_iter().filter(is_compiler) {
        let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    }
}
