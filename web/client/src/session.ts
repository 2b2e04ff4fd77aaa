import type { Clock } from "./clock.js";
import { Emitter } from "./emitter.js";
import type { Call, Http } from "./http.js";
import { asProblem, Problem } from "./problem.js";
import type { TokenStore } from "./token-store.js";
import type { Grant, User } from "./types.js";

/** Renewed this long before it ends, so that no call starts with a dying token. */
const EXPIRY_MARGIN_MS = 20_000;

export interface SignUp {
  username: string;
  email: string;
  password: string;
  display_name?: string;
}

export interface SessionEvents {
  /** Someone is signed in now. */
  started: User;
  /** Nobody is signed in any more; a code tells why (`logged_out`, `session_revoked`, …). */
  ended: { code: string };
}

/**
 * One login: the access token in memory, the refresh token in the store, and
 * calls made in its name. A refused token is renewed once, and by one caller for
 * all. A renewal whose answer is lost can be tried again: the old refresh token
 * is good until the new one is used.
 */
export class Session extends Emitter<SessionEvents> {
  user: User | null = null;
  private access: { token: string; renewAt: number } | null = null;
  private renewal: Promise<string> | null = null;

  constructor(
    private readonly http: Http,
    private readonly store: TokenStore,
    private readonly clock: Clock,
  ) {
    super();
    store.watch?.(() => {
      if (this.user !== null && store.load() === null) this.end("logged_out");
    });
  }

  async signUp(form: SignUp): Promise<User> {
    return this.start(
      await this.http.send<Grant>({ method: "POST", path: "/auth/signup", body: form }),
    );
  }

  /** `login` is a user name or an e-mail address. */
  async logIn(login: string, password: string): Promise<User> {
    const body = { login, password };
    return this.start(await this.http.send<Grant>({ method: "POST", path: "/auth/login", body }));
  }

  /** Takes up the stored login. null: there is none. Throws when the server can't be asked. */
  async restore(): Promise<User | null> {
    if (this.store.load() === null) return null;
    try {
      await this.renew();
    } catch (error) {
      if (asProblem(error).code === "signed_out") return null;
      throw error;
    }
    return this.user;
  }

  async logOut(): Promise<void> {
    try {
      await this.call<void>({ method: "POST", path: "/auth/logout" });
    } catch {
      // Without a server the session ends here, and there by its own time limit.
    } finally {
      this.end("logged_out");
    }
  }

  /** An access token that is good for a while yet. */
  async token(): Promise<string> {
    if (this.access === null || this.access.renewAt <= this.clock.now()) return this.renew();
    return this.access.token;
  }

  /** The server refused this token: the next call gets another. */
  discard(token: string): void {
    if (this.access?.token === token) this.access = null;
  }

  /** Makes a call in the name of the user. */
  async call<T>(call: Call): Promise<T> {
    const token = await this.token();
    try {
      return await this.http.send<T>(call, token);
    } catch (error) {
      if (asProblem(error).status !== 401) throw error;
    }
    this.discard(token);
    return this.http.send<T>(call, await this.token());
  }

  /** The login is over, whoever ended it. */
  end(code: string): void {
    const was = this.user;
    this.access = null;
    this.user = null;
    this.store.save(null);
    if (was !== null) this.emit("ended", { code });
  }

  private renew(): Promise<string> {
    this.renewal ??= acrossTabs(() => this.refresh()).finally(() => (this.renewal = null));
    return this.renewal;
  }

  private async refresh(): Promise<string> {
    const refreshToken = this.store.load();
    if (refreshToken === null) {
      this.end("logged_out");
      throw new Problem("signed_out", "Nobody is signed in", 401);
    }
    try {
      const body = { refresh_token: refreshToken };
      const grant = await this.http.send<Grant>({ method: "POST", path: "/auth/refresh", body });
      this.start(grant);
      return grant.access_token;
    } catch (error) {
      const problem = asProblem(error);
      if (problem.status < 400 || problem.status >= 500 || problem.status === 429) throw problem;
      this.end(problem.code);
      throw new Problem("signed_out", problem.message, problem.status);
    }
  }

  private start(grant: Grant): User {
    // Another tab may have signed in someone else: their token is not ours to use.
    if (this.user !== null && this.user.id !== grant.user.id) {
      this.store.save(grant.refresh_token);
      this.access = this.user = null;
      this.emit("ended", { code: "other_user" });
      throw new Problem("signed_out", "Someone else has signed in", 401);
    }
    const first = this.user === null;
    this.user = grant.user;
    const lifetime = grant.expires_in * 1000;
    const renewAt = this.clock.now() + Math.max(lifetime - EXPIRY_MARGIN_MS, lifetime / 2);
    this.access = { token: grant.access_token, renewAt };
    this.store.save(grant.refresh_token);
    if (first) this.emit("started", grant.user);
    return grant.user;
  }
}

/** One tab renews at a time, so that each uses the token the one before it got. */
function acrossTabs<T>(work: () => Promise<T>): Promise<T> {
  const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
  return locks === undefined ? work() : (locks.request("parley.refresh", work) as Promise<T>);
}
