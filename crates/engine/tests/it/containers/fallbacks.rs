//! Where the system call filter refuses the first attempt of a program, the program must succeed in another way.

use super::support::{Containers, sh};

#[tokio::test(flavor = "multi_thread")]
async fn tools_copy_files_and_set_limits() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let script = "head -c 300000 /dev/urandom > a; cp --reflink=auto a b; cp -a b c; cat c | tee d > e; mv e f; cmp a f
        dd if=a of=g bs=1000 oflag=nocache conv=fsync status=none; cmp a g; sync -d g
        nice -n 5 echo nice; chrt --other 0 echo other; ulimit -n 100; ulimit -n
        ulimit -S -c 0 && echo none; prlimit --nofile=50 sh -c 'ulimit -n'";
    assert_eq!(sh(&*container, script).await, "nice\nother\n100\nnone\n50\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_copies_files_and_opens_sockets() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    let script = "node -e '
        const fs = require(\"fs\"), dgram = require(\"dgram\");
        fs.writeFileSync(\"a\", Buffer.alloc(300000, 1)); fs.copyFileSync(\"a\", \"b\");
        fs.copyFileSync(\"a\", \"c\", fs.constants.COPYFILE_FICLONE); fs.cpSync(\"a\", \"d\");
        console.log(fs.statSync(\"d\").size, process.stdout.isTTY);
        const socket = dgram.createSocket(\"udp4\");
        const attempt = (name, ...rest) => { try { socket[name](...rest); return \"done\" } catch (error) { return error.code } };
        socket.bind(0, \"127.0.0.1\", () => {
            console.log(attempt(\"setBroadcast\", true), attempt(\"setRecvBufferSize\", 9000), attempt(\"setMulticastTTL\", 3));
            console.log(attempt(\"setTTL\", 3), attempt(\"addMembership\", \"224.0.0.66\"));
            socket.close() })'";
    assert_eq!(
        sh(&*container, script).await,
        "300000 undefined\ndone done done\nENOPROTOOPT ENOPROTOOPT\n",
        "the last two are what does not work"
    );
}

/// Runs only where the host has Python. Python copies files with `sendfile`, and its pools start processes and share
/// locks.
#[tokio::test(flavor = "multi_thread")]
async fn python_copies_files_sends_them_and_starts_processes() {
    let containers = Containers::start().await;
    let container = containers.container().await;
    if sh(&*container, "command -v python3 || true").await.is_empty() {
        drop((container, containers));
        workers_testing::skip("this host has no Python");
    }
    let script = "cat > main.py <<'END'
import multiprocessing, os, shutil, socket, threading
with open('a', 'wb') as file: file.write(bytes(300000))
shutil.copyfile('a', 'b')
one, other = socket.socketpair()
sender = threading.Thread(target=lambda: (one.sendfile(open('a', 'rb')), one.close()))
sender.start()
received = 0
while piece := other.recv(65536): received += len(piece)
sender.join()
with multiprocessing.Pool(2) as pool: print(os.path.getsize('b'), received, pool.map(abs, [-1, -2]))
END
python3 -W ignore main.py";
    assert_eq!(sh(&*container, script).await, "300000 300000 [1, 2]\n");
}
