interface Item {
  readonly n: number;
}
enum Kind {
  A = 2,
  B,
}

export const sum = (payload: { items: Item[] }): number => payload.items.reduce((all, item) => all + item.n, Kind.B);

export async function late() {
  await new Promise((resolve) => setTimeout(resolve, 5));
  console.error("soon");
  throw new TypeError("late", { cause: new Error("the cause") });
}

export function long() {
  for (let line = 0; line < 300; line++) console.log(`line ${line} ${"x".repeat(100)}`);
  return "y".repeat(300_000);
}

export const odd = () => ({ not: NaN, map: new Map([["a", 1n]]), bytes: new Uint8Array(2) });

export const leave = () => process.exit(3);
