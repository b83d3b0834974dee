// Prints its own time, then waits a little, a hundred times.
export async function run() {
  for (let i = 0; i < 100; i++) {
    console.log(performance.timeOrigin + performance.now());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
