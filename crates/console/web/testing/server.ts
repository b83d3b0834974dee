import { Api } from "../src/data/api/client.ts";
import { ServerClock } from "../src/data/api/clock.ts";
import { until } from "./time.ts";

/** A request that waits for its answer. */
export interface Request {
  readonly path: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: unknown;
  readonly signal: AbortSignal | undefined;
  answer(response: Response): void;
  /** There is no answer. */
  fail(): void;
}

/** A server whose answers the test gives. */
export class FakeServer {
  readonly requests: Request[] = [];
  readonly refusals: string[] = [];
  token = "";
  readonly api = new Api({
    fetch: (path, init) => this.#fetch(path, init),
    clock: new ServerClock(),
    token: () => this.token,
    onRefused: (message) => this.refusals.push(message),
  });

  /** The next request that was not looked at yet, as soon as it is there. */
  async next(): Promise<Request> {
    await until(() => this.requests.length > 0);
    return this.requests.shift() as Request;
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    return new Promise((resolve, reject) => {
      const signal = init.signal ?? undefined;
      signal?.addEventListener("abort", () => reject(signal.reason));
      this.requests.push({
        path,
        method: init.method ?? "GET",
        headers: new Headers(init.headers),
        body: init.body,
        signal,
        answer: resolve,
        fail: () => reject(new TypeError("fetch failed")),
      });
    });
  }
}

export const json = (body: unknown, init: ResponseInit = {}) => Response.json(body, init);

/** An error as the API answers it. */
export const refusal = (status: number, error: string, code = "code", details: object = {}) =>
  json({ error, code, ...details }, { status });

/** A stream of events that the test sends. */
export class FakeStream {
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  isCancelled = false;
  readonly response = new Response(
    new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.isCancelled = true;
      },
    }),
    { headers: { "Content-Type": "text/event-stream" } },
  );

  /** Sends text as it is. */
  write(text: string): void {
    this.#controller?.enqueue(new TextEncoder().encode(text));
  }

  send(name: string, data: unknown): void {
    this.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    this.#controller?.close();
  }

  /** Breaks off. */
  fail(error: unknown = new TypeError("network error")): void {
    this.#controller?.error(error);
  }
}
