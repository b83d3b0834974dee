// Not invoked, so the module only loads: nothing of the process is changed.
if (!isInvoked) return { globals: globalThis, load, require: makeRequire, rename, run() {} };
