/// The shapes of the HTTP API that the console works with. They are those of `generated.ts`, narrower where the
/// document has words only.

import type * as generated from "./generated.ts";

export type WorkerStatus = "creating" | "ready" | "error" | "expired";

export interface Worker extends generated.WorkerResponse {
  readonly status: WorkerStatus;
}

export type Deploy = generated.DeployWorkerRequest;

/** A line that a function printed. */
export interface LogEvent extends generated.LogData {
  readonly stream: "stdout" | "stderr";
}

export type Timings = generated.Timings;

/** What an invocation took; nothing of it where the server itself cut the invocation off. */
export type Receipt = Partial<generated.Receipt & Pick<generated.ResultData, "duration">>;

/** A place where a value was not JSON's own, or was cut. */
export type ValueWarning = generated.Warning;

export type ResultEvent = Receipt & Pick<generated.ResultData, "success" | "warnings">;

export type ErrorEvent = Receipt & generated.FailureBody;

/** A mistake in the code of a worker. The document has no type for it: it is a further member of some errors. */
export interface Diagnostic {
  readonly code: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
  readonly codeFrame: string | null;
  readonly help: string | null;
}

/** An event of the list of workers. */
export type WorkerEvent =
  | { readonly name: "worker"; readonly data: Worker }
  | { readonly name: "invoked"; readonly data: generated.InvokedData }
  | { readonly name: "deleted"; readonly data: generated.DeletedData };
