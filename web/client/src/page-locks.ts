/** Tells which pages are still there: each holds a lock of its own name for as long as it lives. */
export interface PageLocks {
  /** False where there are no locks: every page is taken to have gone. */
  readonly known: boolean;
  hold(page: string): void;
  /**
   * Does the work when that page has gone. Resolves once the work is done, or has to wait for
   * a page that lives. Of several pages that ask one at a time does its work.
   */
  inherit(page: string, work: () => void): Promise<void>;
}

/**
 * By the Web Locks API. Without it (a page that is not a secure context) a new tab may send what
 * an older one still waits to send; the server stores it once.
 */
export function webLocks(): PageLocks {
  const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
  const name = (page: string) => `parley.page.${page}`;
  if (locks === undefined) {
    return { known: false, hold() {}, inherit: (_page, work) => Promise.resolve(work()) };
  }
  return {
    known: true,
    hold(page) {
      locks.request(name(page), () => new Promise(() => {})).catch(() => {});
    },
    async inherit(page, work) {
      const free = await locks
        .request(name(page), { ifAvailable: true }, (lock) => {
          if (lock !== null) work();
          return lock !== null;
        })
        .catch(() => true); // an opaque origin has no locks, and no storage either
      if (!free) locks.request(name(page), () => work()).catch(() => {});
    },
  };
}
