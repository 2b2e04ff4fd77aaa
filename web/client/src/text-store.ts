/** Small texts by name that outlive the page. Nothing here throws. */
export interface TextStore {
  /** False when a text could only be kept in memory: it goes with the page. */
  readonly lasting: boolean;
  names(): string[];
  load(name: string): string | null;
  /** null forgets it. */
  save(name: string, text: string | null): void;
  /** Calls back when another tab has changed a text; the result ends it. */
  watch(changed: (name: string, text: string | null, before: string | null) => void): () => void;
}

export function memoryTexts(): TextStore {
  const texts = new Map<string, string>();
  return {
    lasting: false,
    names: () => [...texts.keys()],
    load: (name) => texts.get(name) ?? null,
    save: (name, text) => void (text === null ? texts.delete(name) : texts.set(name, text)),
    watch: () => () => {},
  };
}

/**
 * Kept in localStorage, which all tabs of the site share and which is written before `save`
 * returns: a crash loses nothing. What does not fit, or a browser does not let be stored, is
 * kept in memory instead.
 */
export function localTexts(prefix = "parley.kept."): TextStore {
  const memory = memoryTexts();
  const namesInStorage = () =>
    Array.from({ length: localStorage.length }, (_, at) => localStorage.key(at) ?? "")
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
  const attempt = <T>(work: () => T, otherwise: T): T => {
    try {
      return work();
    } catch {
      return otherwise; // storage is switched off, or full
    }
  };
  return {
    get lasting() {
      return attempt(() => localStorage.length >= 0, false) && memory.names().length === 0;
    },
    names: () => [...new Set([...attempt(namesInStorage, []), ...memory.names()])],
    load: (name) => memory.load(name) ?? attempt(() => localStorage.getItem(prefix + name), null),
    save(name, text) {
      const stored = attempt(() => {
        if (text === null) localStorage.removeItem(prefix + name);
        else localStorage.setItem(prefix + name, text);
        return true;
      }, false);
      memory.save(name, stored ? null : text);
    },
    watch(changed) {
      const listener = ({ key, newValue, oldValue }: StorageEvent) => {
        if (key?.startsWith(prefix)) changed(key.slice(prefix.length), newValue, oldValue);
      };
      addEventListener("storage", listener);
      return () => removeEventListener("storage", listener);
    },
  };
}
