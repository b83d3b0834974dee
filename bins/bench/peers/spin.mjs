// Loops that live from the just-in-time compiler: numbers, typed arrays, and objects that come and go.
function bodies(steps) {
  const all = [];
  for (let i = 0; i < 5; i++) all.push({ x: i * 1.5, y: i - 2, z: 0.3 * i, vx: 0, vy: 0.1 * i, vz: 0, mass: 1 + i });
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < all.length; i++) {
      const a = all[i];
      for (let j = i + 1; j < all.length; j++) {
        const b = all[j];
        const [dx, dy, dz] = [a.x - b.x, a.y - b.y, a.z - b.z];
        const square = dx * dx + dy * dy + dz * dz + 0.01;
        const pull = 0.001 / (square * Math.sqrt(square));
        a.vx -= dx * b.mass * pull; a.vy -= dy * b.mass * pull; a.vz -= dz * b.mass * pull;
        b.vx += dx * a.mass * pull; b.vy += dy * a.mass * pull; b.vz += dz * a.mass * pull;
      }
    }
    for (const body of all) {
      body.x += 0.001 * body.vx; body.y += 0.001 * body.vy; body.z += 0.001 * body.vz;
    }
  }
  return all[0].x;
}

function primes(limit) {
  const composite = new Uint8Array(limit);
  let count = 0;
  for (let i = 2; i < limit; i++) {
    if (composite[i]) continue;
    count++;
    for (let multiple = i * 2; multiple < limit; multiple += i) composite[multiple] = 1;
  }
  return count;
}

function words(rounds) {
  let length = 0;
  for (let round = 0; round < rounds; round++) {
    const counts = new Map();
    for (let i = 0; i < 1000; i++) {
      const key = "word" + ((i * 7919 + round) % 257);
      counts.set(key, { key, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    length += [...counts.values()].sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))[0].key.length;
  }
  return length;
}

export async function run() {
  const began = performance.now();
  const result = [bodies(400_000), primes(4_000_000), words(300)];
  if (result[1] !== 283_146) throw new Error("wrong result");
  return performance.now() - began;
}
