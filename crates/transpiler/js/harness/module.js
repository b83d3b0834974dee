// Not invoked, so the module only loads: nothing of the process is changed.
if (!invoked) return { load, require: makeRequire, rename, run() {} };
