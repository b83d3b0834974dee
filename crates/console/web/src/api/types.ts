/// The shapes of the HTTP API, as docs/api.md tells them.

export type WorkerStatus = "creating" | "ready" | "error" | "expired";

export interface Worker {
  readonly id: string;
  readonly name: string;
  readonly snapshotId: string | null;
  readonly functions: readonly string[];
  readonly status: WorkerStatus;
  readonly errorMessage: string | null;
  readonly createdAt: string;
  readonly snapshotExpiresAt: string | null;
  readonly lastInvokedAt: string | null;
  readonly expiresInDays: number;
}

/** A mistake in the code of a worker. */
export interface Diagnostic {
  readonly code: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
  readonly codeFrame: string | null;
  readonly help: string | null;
}

/** A line that a function printed. */
export interface LogEvent {
  readonly stream: "stdout" | "stderr";
  readonly message: string;
  /** Unix milliseconds. */
  readonly timestamp: number;
  /** Only the beginning of the line is here. */
  readonly cut?: boolean;
  readonly dropped?: { readonly lines: number; readonly bytes: number };
}

/** How long each phase took, in milliseconds. */
export interface Timings {
  readonly queue: number;
  readonly sandbox: number;
  readonly load: number;
  readonly run: number;
}

/** What every outcome carries; absent when the server itself cut it off. */
export interface Receipt {
  readonly invocationId?: string;
  readonly timings?: Timings;
  readonly cpuMs?: number;
  readonly maxMemoryBytes?: number;
  readonly duration?: number;
}

/** A place where a value was not JSON's own, or was cut. */
export interface ValueWarning {
  readonly path: string;
  readonly message: string;
}

export interface ResultEvent extends Receipt {
  readonly success: true;
  readonly warnings?: readonly ValueWarning[];
}

export interface ErrorEvent extends Receipt {
  readonly error: string;
  readonly code: string;
  readonly name?: string;
  readonly stack?: string;
  readonly exitCode?: number;
  readonly errorCode?: string | number;
  readonly cause?: unknown;
  readonly errors?: unknown;
  readonly properties?: unknown;
  readonly value?: unknown;
  readonly warnings?: readonly ValueWarning[];
}

/** The limits in force. */
export interface Limits {
  readonly codeBytes: number;
  readonly payloadBytes: number;
  readonly resultBytes: number;
  readonly logLineBytes: number;
  readonly logBytes: number;
  readonly memoryBytes: number;
  readonly timeoutMs: number;
  readonly lifetimeSeconds: number;
}
