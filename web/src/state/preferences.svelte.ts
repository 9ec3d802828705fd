/** What somebody chose on this device, the same in all its tabs. */

/** Which colours to show. */
export type Theme = 'system' | 'light' | 'dark';

const THEME = 'chatalot.theme';
const SOUND = 'chatalot.sound';

/** Choices kept in the browser's storage. */
export class Preferences {
  #theme = $state<Theme>(themeOf(stored(THEME)));
  #sound = $state(stored(SOUND) !== 'off');
  readonly #leave = new AbortController();

  constructor() {
    // The event comes when another tab changes something.
    addEventListener('storage', (event) => this.#adopt(event), { signal: this.#leave.signal });
  }

  /** Light, dark, or as the system has it. */
  get theme(): Theme {
    return this.#theme;
  }

  set theme(theme: Theme) {
    this.#theme = theme;
    store(THEME, theme);
  }

  /** Whether alerts make a sound. */
  get sound(): boolean {
    return this.#sound;
  }

  set sound(sound: boolean) {
    this.#sound = sound;
    store(SOUND, sound ? 'on' : 'off');
  }

  /** Stops following the other tabs. */
  close(): void {
    this.#leave.abort();
  }

  #adopt(event: StorageEvent): void {
    if (event.key === THEME || event.key === null) this.#theme = themeOf(stored(THEME));
    if (event.key === SOUND || event.key === null) this.#sound = stored(SOUND) !== 'off';
  }
}

function themeOf(text: string | null): Theme {
  return text === 'light' || text === 'dark' ? text : 'system';
}

/** Reads from the storage, which browsers can be told to refuse. */
export function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Writes to the storage; without it a choice lasts as long as the page. */
export function store(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    return;
  }
}
