/** Where the refresh token lives. The access token never leaves memory. */
export interface TokenStore {
  load(): string | null;
  /** null forgets it. */
  save(token: string | null): void;
  /** Calls back when another tab has changed it. */
  watch?(changed: () => void): void;
}

export function memoryTokens(): TokenStore {
  let kept: string | null = null;
  return {
    load: () => kept,
    save: (token) => void (kept = token),
  };
}

/** Kept in localStorage: signed in after a reload, and in every tab of the site. */
export function localTokens(key = "parley.refresh"): TokenStore {
  const fallback = memoryTokens();
  return {
    load() {
      try {
        return localStorage.getItem(key) ?? fallback.load();
      } catch {
        return fallback.load(); // storage is switched off
      }
    },
    save(token) {
      try {
        if (token === null) localStorage.removeItem(key);
        else localStorage.setItem(key, token);
        fallback.save(null);
      } catch {
        fallback.save(token);
      }
    },
    watch(changed) {
      addEventListener("storage", (event) => {
        if (event.key === key || event.key === null) changed();
      });
    },
  };
}
