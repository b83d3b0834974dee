//! A command can open its outputs by name, as files.

use workers_engine::Isolation;

use crate::support::Tested;

const SCRIPT: &str = r#"
    const fs = require("fs");
    for (const path of ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"]) {
        fs.writeFileSync(path, `written ${path}\n`);
        fs.appendFileSync(path, `appended ${path}\n`);
    }
    fs.writeFileSync("/dev/stderr", "to standard error\n");
    for (const path of ["/dev/stdout", "/dev/stderr"]) {
        try { fs.readFileSync(path); } catch (error) { fs.writeSync(1, `reading ${path}: ${error.code}\n`); }
    }
    const stream = fs.createWriteStream("/dev/stdout", { flags: "a" });
    stream.end("streamed\n", () => {
        fs.closeSync(1);
        const file = fs.openSync("/tmp/out.txt", "w");
        fs.writeSync(1, "to a file");
        fs.writeSync(2, `descriptor ${file}: ${fs.readFileSync("/tmp/out.txt", "utf8")}\n`);
    });
"#;

const STDOUT: &str = "written /dev/stdout\nappended /dev/stdout\nwritten /proc/self/fd/1\nappended /proc/self/fd/1\n\
    written /dev/fd/1\nappended /dev/fd/1\nreading /dev/stdout: EACCES\nreading /dev/stderr: EACCES\nstreamed";

#[tokio::test(flavor = "multi_thread")]
async fn outputs_can_be_opened_by_name_to_write_and_not_to_read() {
    let ran = Tested::<false>::start(Isolation::Full).await.node(SCRIPT).await;
    let forked = Tested::<true>::start(Isolation::Full).await.node(SCRIPT).await;
    for ran in [ran, forked] {
        assert_eq!(ran.outputs[0], STDOUT);
        assert_eq!(ran.outputs[1], "to standard error\ndescriptor 1: to a file");
    }
}
