// How this module came to run: invoked, which the rest of the harness is for, or as a module like any other.
//
// The platform invokes a script by the token in the environment, which this process takes out. By hand, a script is
// invoked when it is what Node.js was started with. In a thread, in a child process of an invoked script, and imported
// from elsewhere it is the user's module and nothing else: it is loaded, and its exports are what the user exported.
/** Stands in the environment of child processes that run the script again: see children.js. */
const MARK = "WORKERS_MODULE";
const isMarked = process.env[MARK] !== undefined;
if (isMarked) delete process.env[MARK];
/** Whether it is the program that Node.js was started with, by a process that keeps no channel to it. */
const isMain = () => config.main !== false && typeof process.send !== "function" && builtin("worker_threads").isMainThread;
const isInvoked = park || process.env.WORKERS_FRAME ? true : !isMarked && isMain();
