/** Codes that this library adds to those of the server. */
export type LocalCode = "network" | "timeout" | "signed_out" | "stopped" | "discarded" | "bad_answer";

/** What the same call may not meet again a little later. */
const passing = new Set(["network", "timeout", "unavailable", "conflict_retry", "conversation_busy"]);

/**
 * The one error of this library. `code` is the server's stable code
 * (`invalid_credentials`, `username_taken`, …) or a LocalCode; `status` is the
 * HTTP status, 0 when there was no answer.
 */
export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  /** Seconds after which another try makes sense, where the server said so. */
  readonly retryAfter: number | null;

  constructor(code: string, message: string, status = 0, retryAfter: number | null = null) {
    super(message);
    this.name = "Problem";
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** True where the same call may succeed later without any change. */
  get transient(): boolean {
    return this.status >= 500 || passing.has(this.code);
  }
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem("network", String(error));
}

/** Reads the problem document (RFC 9457) of a refused call; any other body will do, too. */
export async function problemOf(response: Response): Promise<Problem> {
  let body: { code?: unknown; detail?: unknown; title?: unknown } = {};
  try {
    const parsed: unknown = await response.json();
    if (typeof parsed === "object" && parsed !== null) body = parsed;
  } catch {
    // A proxy's HTML page, say: the status has to do.
  }
  const code = typeof body.code === "string" ? body.code : `http_${response.status}`;
  const text = [body.detail, body.title, response.statusText].find(
    (part): part is string => typeof part === "string" && part !== "",
  );
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new Problem(code, text ?? code, response.status, Number.isNaN(wait) ? null : wait);
}
