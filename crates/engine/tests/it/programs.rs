//! Small programs must do the same in a forked node as in one that was started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as HostCommand;

use workers_domain::ResourceLimits;
use workers_domain::ports::{CommandSpec, ExitStatus, Program, SandboxFile, SandboxPath, node_heap_option};
use workers_engine::Isolation;

use crate::support::{Tested, finish, node};

const HEAP_MIB: u64 = 768;

/// What a program printed to both outputs, as sorted lines, and its exit code.
#[derive(Debug, PartialEq, Eq)]
struct Did {
    lines: Vec<String>,
    code: i32,
}

fn sorted(outputs: &[String; 2]) -> Vec<String> {
    let lines = outputs.iter().flat_map(|output| output.lines());
    let mut lines: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    lines.sort();
    lines
}

fn started(program: &Path) -> Did {
    use std::os::unix::process::ExitStatusExt;
    let output = HostCommand::new(node())
        .args([node_heap_option(HEAP_MIB).as_ref(), program.file_name().unwrap(), "an argument".as_ref()])
        .current_dir(program.parent().unwrap())
        .env_clear()
        .envs([("PATH", "/usr/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8"), ("EXTRA", "1")])
        .output()
        .unwrap();
    // The program's directory differs from run to run, so it is replaced.
    let directory = program.parent().unwrap().to_str().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).replace(directory, "/work"));
    let code = output.status.code().unwrap_or_else(|| -output.status.signal().unwrap());
    Did { lines: sorted(&text), code }
}

async fn forked(engine: &Tested<true>, program: &Path) -> Did {
    let limits = ResourceLimits { memory_bytes: 1 << 30, ..ResourceLimits::default() };
    let sandbox = engine.sandbox(limits).await;
    let name = program.file_name().unwrap().to_str().unwrap();
    let file = SandboxFile { path: SandboxPath::parse(name).unwrap(), contents: fs::read(program).unwrap() };
    sandbox.write_files(vec![file]).await.unwrap();
    let command = CommandSpec {
        program: Program::NodeScript { path: name.to_owned(), heap_mib: Some(HEAP_MIB) },
        args: vec!["an argument".to_owned()],
        env: vec![("EXTRA".to_owned(), "1".to_owned())],
    };
    let mut command = sandbox.run(command).await.unwrap();
    let ran = finish(&mut *command).await;
    sandbox.stop().await.unwrap();
    let code = match ran.exit.status {
        ExitStatus::Code(code) => code,
        ExitStatus::Signal(signal) => -signal,
    };
    Did { lines: sorted(&ran.outputs), code }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_do_the_same_in_a_forked_node() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut programs: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|item| item.unwrap().path()).collect();
    programs.sort();
    assert!(programs.len() >= 60);
    let engine = Tested::<true>::start(Isolation::Full).await;
    let mut different = Vec::new();
    for program in programs {
        let copy = program.clone();
        let expected = tokio::task::spawn_blocking(move || started(&copy));
        let (expected, found) = tokio::join!(expected, forked(&engine, &program));
        let expected = expected.unwrap();
        if expected != found {
            different.push(format!("{}\nstarted {expected:?}\nforked  {found:?}", program.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// The index of the line with the time of origin in what siblings print.
const TIME_ORIGIN: usize = 6;

/// Siblings must not have the same random numbers, names and times.
#[tokio::test(flavor = "multi_thread")]
async fn siblings_draw_different_numbers() {
    let engine = Tested::<true>::start(Isolation::Full).await;
    let script = "const c = require('crypto'), fs = require('fs'), { Worker } = require('worker_threads');
        const drawn = [Math.random(), c.randomUUID(), c.randomBytes(8).toString('hex'), c.randomInt(2 ** 40),
            crypto.getRandomValues(new Uint32Array(2)).join(), fs.mkdtempSync('/tmp/t'), performance.timeOrigin];
        const worker = () => new Promise((done) => new Worker('require(\"worker_threads\").parentPort.postMessage(Math.random())',
            { eval: true }).on('message', done));
        (async () => { drawn.push(await worker(), await worker()); console.log(drawn.join('\\n'));
            console.log(fs.readFileSync('/proc/self/maps', 'utf8').includes('template.so')) })()";
    let (first, second, third) = tokio::join!(engine.node(script), engine.node(script), engine.node(script));
    let lines = [&first, &second, &third].map(|ran| ran.output.lines().map(str::to_owned).collect::<Vec<_>>());
    assert!(lines.iter().all(|lines| lines.len() == 10 && lines.last().unwrap() == "true"), "{lines:?}");
    // The time is left out: two of them may begin in the same microsecond.
    let is_drawn = |(index, _): &(usize, &String)| *index < 9 && *index != TIME_ORIGIN;
    let drawn: Vec<_> = lines.iter().flat_map(|lines| lines.iter().enumerate().filter(is_drawn)).collect();
    let distinct: std::collections::HashSet<_> = drawn.iter().map(|(_, drawn)| drawn).collect();
    assert_eq!(distinct.len(), drawn.len(), "{lines:?}");
    let later = engine.node(script).await.output;
    assert_ne!(later.lines().nth(TIME_ORIGIN), Some(lines[0][TIME_ORIGIN].as_str()), "{later}");
}
