/** What somebody has begun to write, in each channel. */

import { store, stored } from './preferences.svelte';
import { Recent } from './recent';
import { unobserved } from './unobserved.svelte';

/**
 * Drafts are kept in the browser's storage as they are typed, although what comes of them is
 * encrypted: whoever can read this browser's storage can read the keys of all messages there, too,
 * so encrypting drafts with a key beside them would protect nothing. Nothing of them leaves the
 * device, and they are erased when their user signs out or the session ends.
 */
const PREFIX = 'chatalot.draft.';
/** How many channels' drafts are kept; those that were changed longest ago are let go first. */
const CAPACITY = 50;
/** How long a draft may be to be stored, in UTF-16 units. A longer one lasts as long as the page. */
const MOST_STORED = 128 * 1024;
/** How long all drafts together may be: browsers give a page a few megabytes. */
const MOST_STORED_TOGETHER = 1024 * 1024;
/** How long after the last letter a draft is stored. */
const STORE_AFTER_MS = 300;

/** A message whose new text is being written. */
export interface Edit {
  messageId: string;
  body: string;
}

interface StoredDraft {
  userId: string;
  changedAt: number;
  body: string;
  edit: Edit | null;
}

/** What stands in the field of one channel. */
export class Draft {
  #body = $state('');
  #edit = $state.raw<Edit | null>(null);
  readonly #changed: () => void;

  constructor(begun: { body: string; edit: Edit | null } | null, changed: () => void) {
    if (begun !== null) {
      this.#body = begun.body;
      this.#edit = begun.edit;
    }
    this.#changed = changed;
  }

  /** The message whose new text is being written; null while it is a new message. */
  get edit(): Edit | null {
    return this.#edit;
  }

  /** The new message, which waits while another one is edited. */
  get body(): string {
    return this.#body;
  }

  /** What is being written: the new text of a message, else the new message. */
  get text(): string {
    return this.#edit === null ? this.#body : this.#edit.body;
  }

  set text(text: string) {
    if (text === this.text) return;
    if (this.#edit === null) this.#body = text;
    else this.#edit = { ...this.#edit, body: text };
    this.#changed();
  }

  /** Begins a new text for a message. */
  startEdit(messageId: string, body: string): void {
    if (this.#edit?.messageId === messageId) return;
    this.#edit = { messageId, body };
    this.#changed();
  }

  /** Goes back to the new message. */
  endEdit(): void {
    if (this.#edit === null) return;
    this.#edit = null;
    this.#changed();
  }
}

/** The drafts of the user who is signed in. */
export class Drafts {
  readonly #userId: () => string;
  readonly #held = new Recent<Draft>(CAPACITY);
  /** The drafts that were changed and are not stored yet. */
  readonly #unsaved = new Map<string, Draft>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(userId: () => string) {
    this.#userId = userId;
  }

  /** The draft of a channel. */
  of = (channelId: string): Draft =>
    this.#held.get(channelId, () =>
      unobserved(() => {
        const draft: Draft = new Draft(this.#read(channelId), () => this.#note(channelId, draft));
        return draft;
      }),
    );

  /** Stores what is not stored yet: the page is being left. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [channelId, draft] of this.#unsaved) this.#write(channelId, draft);
    this.#unsaved.clear();
  }

  /** Erases the drafts of a user: their session is over. */
  clear(userId: string): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unsaved.clear();
    this.#held.clear();
    erase((owner) => owner === userId);
  }

  /** Erases the drafts of others: this user is signed in, so their sessions are over. */
  clearOthers(userId: string): void {
    erase((owner) => owner !== userId);
  }

  #note(channelId: string, draft: Draft): void {
    this.#unsaved.set(channelId, draft);
    this.#timer ??= setTimeout(() => this.flush(), STORE_AFTER_MS);
  }

  #read(channelId: string): StoredDraft | null {
    const draft = parsed(stored(PREFIX + channelId));
    return draft?.userId === this.#userId() ? draft : null;
  }

  #write(channelId: string, { body, edit }: Draft): void {
    const key = PREFIX + channelId;
    const empty = body === '' && edit === null;
    const tooLong = body.length + (edit?.body.length ?? 0) > MOST_STORED;
    if (empty || tooLong) return store(key, null);
    const draft: StoredDraft = { userId: this.#userId(), changedAt: Date.now(), body, edit };
    store(key, JSON.stringify(draft));
    forgetOldest();
  }
}

/** Erases what is stored of the users that are meant; what nobody can read is nobody's. */
function erase(whose: (userId: string | undefined) => boolean): void {
  for (const key of storedKeys()) if (whose(parsed(stored(key))?.userId)) store(key, null);
}

/** Keeps what is stored within its bounds. */
function forgetOldest(): void {
  const drafts = storedKeys()
    .map((key) => ({ key, text: stored(key) ?? '' }))
    .map(({ key, text }) => ({ key, size: text.length, at: parsed(text)?.changedAt ?? 0 }))
    .sort((a, b) => b.at - a.at);
  let size = 0;
  for (const [index, draft] of drafts.entries()) {
    size += draft.size;
    if (index >= CAPACITY || size > MOST_STORED_TOGETHER) store(draft.key, null);
  }
}

function storedKeys(): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  } catch {
    return [];
  }
}

function parsed(text: string | null): StoredDraft | null {
  try {
    const draft = JSON.parse(text ?? 'null') as Partial<StoredDraft> | null;
    if (typeof draft?.userId !== 'string' || typeof draft.body !== 'string') return null;
    const { userId, body, edit, changedAt } = draft;
    const editable = typeof edit?.messageId === 'string' && typeof edit.body === 'string';
    return { userId, body, changedAt: Number(changedAt) || 0, edit: editable ? edit : null };
  } catch {
    return null;
  }
}
