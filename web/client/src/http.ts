import { Problem, problemOf } from "./problem.js";

export interface Call {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/api/v1`, with its leading slash. */
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
}

export interface HttpOptions {
  /** Origin of the server, without a trailing slash. */
  url: string;
  fetch: typeof fetch;
  timeoutMs: number;
}

/** JSON over HTTP: a call either answers its body or throws a Problem. */
export class Http {
  constructor(private readonly options: HttpOptions) {}

  async send<T>(call: Call, token: string | null = null): Promise<T> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), this.options.timeoutMs);
    try {
      const response = await this.options.fetch(this.address(call), {
        method: call.method,
        headers: headersOf(call, token),
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        signal: abort.signal,
        cache: "no-store",
      });
      if (!response.ok) throw await problemOf(response);
      if (response.status === 204) return undefined as T;
      return (await response.json()) as T;
    } catch (error) {
      if (error instanceof Problem) throw error;
      if (abort.signal.aborted) throw new Problem("timeout", "The server took too long to answer");
      if (error instanceof SyntaxError) throw new Problem("bad_answer", "The answer is not JSON");
      throw new Problem("network", "The server cannot be reached");
    } finally {
      clearTimeout(timer);
    }
  }

  private address(call: Call): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const text = query.toString();
    return `${this.options.url}/api/v1${call.path}${text === "" ? "" : `?${text}`}`;
  }
}

function headersOf(call: Call, token: string | null): Record<string, string> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  if (token !== null) headers["Authorization"] = `Bearer ${token}`;
  return headers;
}
