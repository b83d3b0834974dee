/** Nodes of which each refers to its neighbours, to the first and to all. */
const tree = (count = 200) => {
  const nodes: any[] = Array.from({ length: count }, (_, index) => ({ index }));
  for (const node of nodes) {
    node.next = nodes[(node.index + 1) % count];
    node.previous = nodes[(node.index + count - 1) % count];
    node.root = nodes[0];
    node.all = nodes;
  }
  return nodes;
};
/** Nodes of which each has a list of all others of its own. */
const mesh = (count = 200) => {
  const nodes: any[] = Array.from({ length: count }, (_, index) => ({ index }));
  for (const node of nodes) node.others = nodes.filter((other) => other !== node);
  return nodes;
};
/** What has 2^40 paths to one value. */
const doubled = (wrap: (value: unknown) => unknown, value: unknown = { x: 1n }) => {
  for (let level = 0; level < 40; level++) value = wrap(value);
  return value;
};
const GRAPHS: Record<string, () => unknown> = {
  tree, mesh,
  smallTree: () => tree(5),
  smallMesh: () => mesh(50),
  oneOfATree: () => tree()[0],
  objects: () => doubled((value) => ({ a: value, b: value })),
  nothings: () => doubled((value) => ({ a: value, b: value }), { gone: undefined }),
  arrays: () => doubled((value) => [value, value]),
  maps: () => doubled((value) => new Map([[value, value]])),
  sets: () => doubled((value) => new Set([[value], [value]])),
  errors: () => doubled((value) => new AggregateError([value, value], "several")),
  accessors: () => doubled((value) => ({ get a() { return value }, get b() { return value } })),
  sameArray: () => Array(100_000).fill(Array(1000).fill("x")),
  manyNothings: () => {
    const empty = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, undefined]));
    return [1n, ...Array(10_000).fill(empty)];
  },
};
export const graph = ({ kind }: { kind: string }) => GRAPHS[kind]();
export const throwsGraph = ({ kind }: { kind: string }) => { throw GRAPHS[kind]() };
export const throwsCause = ({ kind }: { kind: string }) => { throw new Error("tree", { cause: GRAPHS[kind]() }) };
export const throwsProperty = ({ kind }: { kind: string }) => { throw Object.assign(new Error("tree"), { details: GRAPHS[kind]() }) };

const LONG = "x".repeat(8_000_000);
const THROWN: Record<string, () => unknown> = {
  cause: () => new Error("upstream failed", { cause: { status: 500, body: LONG } }),
  message: () => new Error(LONG),
  stack: () => Object.assign(new Error("long stack"), { stack: LONG }),
  name: () => Object.assign(new Error("long name"), { name: LONG }),
  code: () => Object.assign(new Error("long code"), { code: LONG }),
  text: () => LONG,
  property: () => Object.assign(new Error("long property"), { response: { data: LONG, status: 502 } }),
  key: () => Object.assign(new Error("long key"), { [LONG]: 1, after: 2 }),
  keys: () => Object.assign(new Error("many keys"), Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`key${index}`, index]))),
  bytes: () => Object.assign(new Error("bytes"), { body: Buffer.alloc(8_000_000) }),
  list: () => new Error("list", { cause: Array.from({ length: 1_000_000 }, (_, index) => index) }),
  map: () => new Error("map", { cause: new Map(Array.from({ length: 1_000_000 }, (_, index) => [index, index])) }),
  causes: () => { let error = new Error("last"); for (let level = 0; level < 5000; level++) error = new Error("chain", { cause: error }); return error },
  errors: () => new AggregateError(Array.from({ length: 50_000 }, (_, index) => new Error(`error ${index}`)), "many errors"),
  controls: () => Object.assign(new Error("\u0001".repeat(3_000_000)), { stack: "\u0002".repeat(3_000_000), more: "\u0003".repeat(3_000_000) }),
  everything: () => Object.assign(new Error("\u{1f600}".repeat(2_000_000), { cause: new Error(LONG, { cause: LONG }) }),
    Object.fromEntries(Array.from({ length: 100 }, (_, index) => ["k".repeat(100_000) + index, NaN]))),
};
export const throwsLong = ({ kind }: { kind: string }) => { throw THROWN[kind]() };
export const longKey = () => ({ ["k".repeat(1_000_000)]: Array.from({ length: 20 }, () => NaN) });
export const longPath = () => {
  let value: any = [NaN];
  for (let level = 0; level < 400; level++) value = { ["level" + level]: value };
  return value;
};
export const longReason = () => ({ get a() { throw new Error("r".repeat(1_000_000)) } });
export const longBytes = () => Buffer.alloc(8_000_000);
export const longText = () => LONG;
export const strays = () => {
  for (let index = 0; index < 50; index++) Promise.reject(new Error("s".repeat(100_000)));
  return 1;
};
