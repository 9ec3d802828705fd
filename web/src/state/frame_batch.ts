/** Frames that came close together, handled together. */

import type { ServerFrame } from '../protocol/frames';

/** The most frames that wait for the next picture; beyond they are handled at once. */
const MOST_WAITING = 2_000;

/**
 * Keeps frames until the browser is about to draw, so that fifty messages a second cost at most
 * one change of the page per picture. Nobody draws a page that is not seen: there they are
 * handled as they come.
 */
export class FrameBatch {
  readonly #handle: (frames: ServerFrame[]) => void;
  #frames: ServerFrame[] = [];
  #picture: number | null = null;

  constructor(handle: (frames: ServerFrame[]) => void) {
    this.#handle = handle;
  }

  /** Adds a frame, in the order of arrival. */
  add(frame: ServerFrame): void {
    this.#frames.push(frame);
    const full = this.#frames.length >= MOST_WAITING;
    if (full || document.visibilityState !== 'visible') return this.flush();
    this.#picture ??= requestAnimationFrame(() => this.flush());
  }

  /** Handles what waits. */
  flush(): void {
    if (this.#picture !== null) cancelAnimationFrame(this.#picture);
    this.#picture = null;
    const frames = this.#frames;
    this.#frames = [];
    if (frames.length > 0) this.#handle(frames);
  }

  /** Forgets what waits. */
  clear(): void {
    this.#frames = [];
    this.flush();
  }
}
