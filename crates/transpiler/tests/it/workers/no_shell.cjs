// Loaded ahead of a script, makes its Node.js one of a host without `/bin/sh`.
const fs = require("fs");
const { existsSync } = fs;
fs.existsSync = (path) => path !== "/bin/sh" && existsSync(path);
const elsewhere = (file) => (file === "/bin/sh" ? "/no/such/shell" : file);
const moved = (first) => (typeof first === "object" ? { ...first, file: elsewhere(first.file) } : elsewhere(first));
const { prototype } = process.binding("process_wrap").Process;
const { spawn } = prototype;
prototype.spawn = function (first, ...more) {
  return spawn.call(this, moved(first), ...more);
};
const synchronous = process.binding("spawn_sync");
const { spawn: spawnSync } = synchronous;
synchronous.spawn = (options) => spawnSync(moved(options));
