/// What the API answers when it does not do what it was asked to.

import type { Diagnostic } from "./types.ts";

/** An answer that is an error, or no answer. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  /** For programs; `unreachable` when there was no answer. */
  readonly code: string;
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>>;

  /** The message is a sentence for a person: the API's own. */
  constructor(message: string, code: string, status: number, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.details = details;
  }

  get requestId(): string | undefined {
    const id = this.details["requestId"];
    return typeof id === "string" ? id : undefined;
  }

  /** What is wrong with the code of a deploy; empty for other errors. */
  get diagnostics(): readonly Diagnostic[] {
    const diagnostics = this.details["diagnostics"];
    return Array.isArray(diagnostics) ? diagnostics : [];
  }
}

/** There was no answer, or it broke off. */
export function unreachable(cause: unknown): ApiError {
  const error = new ApiError("The server cannot be reached.", "unreachable", 0);
  error.cause = cause;
  return error;
}

/** The error that an answer with a bad status is. */
export async function fromResponse(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  try {
    const body: unknown = JSON.parse(text);
    if (body && typeof body === "object" && "error" in body && typeof body.error === "string") {
      const { error, code, ...details } = body as Record<string, unknown>;
      return new ApiError(String(error), typeof code === "string" ? code : "unknown", response.status, details);
    }
  } catch {
    // Not from our server: a proxy in between has answered.
  }
  return new ApiError(`The server answered with status ${response.status}.`, "unknown", response.status);
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(String(error), "console", 0);
}

export function wasAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
