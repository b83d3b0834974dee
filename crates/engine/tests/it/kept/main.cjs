"use strict";
// A script that is loaded once for several runs. `leave NAME` tries to leave something behind for the next run;
// `look` prints all that a run can see of its sandbox and of itself.
const fs = require("node:fs");
const os = require("node:os");
const net = require("node:net");
const dgram = require("node:dgram");
const path = require("node:path");
const { spawn, spawnSync } = require("node:child_process");
const { Worker } = require("node:worker_threads");

const LOADER = "/lib64/ld-linux-x86-64.so.2";
/** The zygote of this sandbox, and its init. */
const ZYGOTE = 2;
const FOREVER = "setInterval(() => {}, 1000)";
let calls = 0;

/** Runs an attempt of native.c to its end. */
const native = (name) => spawnSync(LOADER, ["./native", name], { stdio: "ignore" });
const after = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const once = (emitter, event) => new Promise((done) => emitter.once(event, done));
const detached = (code) => spawn(process.execPath, ["-e", code], { detached: true, stdio: "ignore" }).unref();

const attempts = {
	// In the process.
	"a global": () => (globalThis.left = 1),
	"a prototype": () => (Object.prototype.left = 1),
	"a variable of the module": () => (calls = 7),
	"a module that is loaded": () => require("node:http2"),
	"the cache of modules": () => (require.cache[__filename].exports = { left: 1 }),
	"a function that was replaced": () => (fs.readFileSync = () => "left"),
	"the environment": () => (process.env.LEFT = "left"),
	"the working directory": () => process.chdir("/tmp"),
	"the mask of permissions": () => process.umask(0),
	"the title of the process": () => (process.title = "left"),
	"a handler of a signal": () => process.on("SIGUSR2", () => {}),
	"a timer": () => void setInterval(() => {}, 10).unref(),
	"a shared buffer": () => (globalThis.shared = new SharedArrayBuffer(1 << 20)),
	"a hundred megabytes": () => Buffer.alloc(100 << 20, 1).length,
	"random numbers": () => Array.from({ length: 1000 }, Math.random),
	"random bytes": () => require("node:crypto").randomBytes(1 << 16),
	"a flag of V8": () => require("node:v8").setFlagsFromString("--stack-size=2000"),
	"the limit of stack traces": () => (Error.stackTraceLimit = 0),
	"all descriptors": () => {
		try {
			for (;;) fs.openSync("/etc/hosts");
		} catch {}
	},
	"a message of the zygote's": () => {
		const forged = Buffer.from('\0{"Ended":{"command":0,"status":{"Ok":0},"cpu_micros":0,"max_resident_bytes":0,"kill_requested":false}}');
		for (let fd = 0; fd < 1024; fd++) if (fd !== 1 && fd !== 2) try { fs.writeSync(fd, forged); } catch {}
	},
	"a priority of its own": () => os.setPriority(5),
	"its own name": () => fs.writeFileSync("/proc/self/comm", "left"),
	"an exit code": () => (process.exitCode = 9),
	// Files.
	"a file in /tmp": () => fs.writeFileSync("/tmp/left", "left"),
	"a file in /work": () => fs.writeFileSync("left", "left"),
	"a file that is removed": () => (fs.writeFileSync("/tmp/left", "left"), fs.rmSync("/tmp/left")),
	"a file in /work that is removed": () => (fs.writeFileSync("left", "left"), fs.rmSync("left")),
	"a directory in a directory": () => fs.mkdirSync("/tmp/left/deep", { recursive: true }),
	"a symbolic link": () => fs.symlinkSync("/etc/hosts", "/tmp/left"),
	"a hard link": () => fs.linkSync("main.cjs", "left"),
	"a script that is changed": () => fs.appendFileSync("main.cjs", "\n// left"),
	"a script that is removed": () => fs.rmSync("main.cjs"),
	"a script that is renamed": () => fs.renameSync("main.cjs", "left.cjs"),
	"the mode of the script": () => fs.chmodSync("main.cjs", 0o600),
	"the times of the script": () => fs.utimesSync("main.cjs", 1, 1),
	"the mode of /tmp": () => fs.chmodSync("/tmp", 0o711),
	"the mode of /tmp and back": () => (fs.chmodSync("/tmp", 0o711), fs.chmodSync("/tmp", 0o755)),
	"the times of /tmp": () => fs.utimesSync("/tmp", 1, 1),
	"the mode of /work": () => fs.chmodSync("/work", 0o711),
	"the times of /work": () => fs.utimesSync("/work", 1, 1),
	"a disk that is full": () => {
		const file = fs.openSync("/tmp/left", "w");
		try {
			for (;;) fs.writeSync(file, Buffer.alloc(1 << 20));
		} catch {}
	},
	"a file that is open and has no name": () => {
		const file = fs.openSync("/tmp/left", "w");
		fs.writeSync(file, Buffer.alloc(1 << 20));
		fs.rmSync("/tmp/left");
	},
	"a socket in the file system": async () => void (await once(net.createServer().listen("/tmp/left"), "listening")),
	"times of reading": () => [fs.readdirSync("/tmp"), fs.readdirSync("/work"), fs.readFileSync("main.cjs")].length,
	"files that are watched": () => fs.watch("/tmp").unref(),
	// Processes.
	"a process": () => detached(FOREVER),
	"a process that ends": () => spawnSync(process.execPath, ["-e", "0"]).status,
	"a process that ignores signals": () => detached(`process.on("SIGTERM", () => {}); ${FOREVER}`),
	"a process that starts another": () => detached(`require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(FOREVER)}], { detached: true }).unref()`),
	"a thread": () => void new Worker(FOREVER, { eval: true }).unref(),
	"work of the thread pool": async () => (await fs.promises.readFile("/etc/hosts")).length,
	"a priority of the zygote's": () => os.setPriority(ZYGOTE, 5),
	"the zygote, stopped": () => process.kill(ZYGOTE, "SIGSTOP"),
	"the zygote, killed": () => process.kill(ZYGOTE, "SIGKILL"),
	"the zygote, asked to end": () => process.kill(ZYGOTE, "SIGTERM"),
	"the zygote, interrupted": () => process.kill(ZYGOTE, "SIGINT"),
	"the zygote, told of a window": () => process.kill(ZYGOTE, "SIGWINCH"),
	"init, asked to end": () => process.kill(1, "SIGTERM"),
	"init, told of a child": () => process.kill(1, "SIGCHLD"),
	"all other processes, stopped": () => process.kill(-1, "SIGSTOP"),
	"all other processes, killed": () => process.kill(-1, "SIGKILL"),
	// The network.
	"a server": async () => void (await once(net.createServer().listen(0, "127.0.0.1"), "listening")),
	"a server with an abstract name": async () => void (await once(net.createServer().listen("\0left"), "listening")),
	"a connection to itself": async () => {
		const server = net.createServer((socket) => socket.end("left")).listen(0, "127.0.0.1");
		await once(server, "listening");
		const socket = net.connect(server.address().port, "127.0.0.1");
		socket.resume();
		await once(socket, "close");
		server.close();
	},
	"a connection that is refused": async () => void (await once(net.connect(9, "127.0.0.1"), "error")),
	"a datagram": async () => {
		const socket = dgram.createSocket("udp4").bind(0, "127.0.0.1");
		await once(socket, "listening");
		socket.send("left", socket.address().port, "127.0.0.1");
		await once(socket, "message");
	},
	"a name that is looked up": async () => void (await require("node:dns").promises.lookup("localhost.example").catch(() => {})),
	// How it ends.
	"a long run": () => after(400),
	"a crash": () => process.kill(process.pid, "SIGSEGV"),
	"an abort": () => process.abort(),
	"an exit": () => process.exit(3),
	"more memory than there is": () => {
		const all = [];
		for (;;) all.push(Buffer.alloc(16 << 20, 1));
	},
};

/** What the kernel tells of a process. */
const processOf = (pid) => {
	const read = (name) => {
		try {
			return fs.readFileSync(`/proc/${pid}/${name}`, "utf8");
		} catch (error) {
			return error.code;
		}
	};
	const fields = ["Name", "Umask", "State", "Pid", "PPid", "TracerPid", "Uid", "Gid", "Threads", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Cpus_allowed"];
	const status = read("status").split("\n").filter((line) => fields.includes(line.split(":")[0]));
	// A process that is being looked at from outside may run or sleep.
	return { status: status.map((line) => line.replace(/State:.*/, (state) => (/[RS] /.test(state) ? "" : state))), limits: read("limits"), priority: os.getPriority(Number(pid)) };
};
const treeOf = (directory) =>
	fs.readdirSync(directory).sort().flatMap((name) => {
		const file = path.join(directory, name);
		const { mode, size, uid, gid, nlink, mtimeMs, ino } = fs.lstatSync(file);
		const own = { file, mode, size, uid, gid, nlink, mtimeMs: name === "native" || name === "main.cjs" ? mtimeMs : 0, ino: 0 };
		return mode & 0o40000 && !(mode & 0o100000) ? [own, ...treeOf(file)] : [own];
	});
const textOf = (name) => {
	try {
		return fs.readFileSync(name, "utf8");
	} catch (error) {
		return error.code;
	}
};
/** Without addresses in the kernel, and the numbers of sockets that the kernel itself has in each network. */
const withoutNumbers = (text) => text.replace(/\b[0-9a-f]{16}\b| \d{4,} *$|^sk .*$/gm, "");
const look = () => {
	const { bfree, ffree, blocks } = fs.statfsSync("/tmp");
	const network = ["dev", "snmp", "snmp6", "tcp", "tcp6", "udp", "udp6", "unix", "netlink", "packet", "raw", "route", "arp", "ip6_flowlabel"];
	return {
		globals: Object.keys(globalThis).concat(Object.keys(Object.prototype)),
		calls,
		cache: Object.values(require.cache).map((module) => Object.keys(module.exports)),
		environment: Object.entries(process.env).sort(),
		cwd: process.cwd(),
		umask: process.umask(),
		title: process.title,
		exitCode: process.exitCode ?? null,
		listeners: process.eventNames().filter((name) => String(name).startsWith("SIG")),
		stack: Error.stackTraceLimit,
		pid: process.pid,
		arguments: textOf("/proc/self/cmdline").split("\0").length,
		descriptors: fs.readdirSync("/proc/self/fd").map(Number).filter((fd) => fd < 512).length,
		age: process.uptime() < 5 && performance.now() < 5000,
		processes: Object.fromEntries(fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => [pid, processOf(pid)])),
		directories: ["/tmp", "/work"].map((name) => fs.statSync(name)).map(({ mode, uid, gid, nlink }) => ({ mode, uid, gid, nlink })),
		files: [...treeOf("/work"), ...treeOf("/tmp")],
		script: fs.readFileSync("/work/main.cjs", "utf8").length,
		room: { bfree, ffree, blocks },
		mounts: textOf("/proc/self/mountinfo").split("\n").length,
		host: os.hostname(),
		network: Object.fromEntries(network.map((name) => [name, withoutNumbers(textOf(`/proc/self/net/${name}`))])),
		sockets: textOf("/proc/self/net/sockstat").split("\n")[0],
		queues: ["msg", "sem", "shm"].map((name) => textOf(`/proc/sysvipc/${name}`)),
		random: Math.random(),
		bytes: require("node:crypto").randomBytes(8).toString("hex"),
	};
};

const run = async ([what, name]) => {
	if (what === "look") return fs.writeSync(1, `${JSON.stringify(look())}\n`);
	if (what === "names") return fs.writeSync(1, `${JSON.stringify(Object.keys(attempts))}\n`);
	if (what === "native") native(name);
	else await attempts[name]();
	fs.writeSync(1, "left\n");
	process.exit();
};

const park = globalThis[Symbol.for("test.park")];
delete globalThis[Symbol.for("test.park")];
if (park) {
	park.watch();
	Promise.resolve().then(() => run(park().script.slice(1)));
} else {
	run(process.argv.slice(2));
}
