/** The open pages of this server, as the worker speaks with them. */

import type { ToPage } from './messages';

/** A tab or window, as far as the worker needs one. */
export interface Page {
  readonly url: string;
  readonly visibilityState: DocumentVisibilityState;
  readonly focused: boolean;
  postMessage(message: ToPage, transfer: Transferable[]): void;
  focus(): Promise<unknown>;
}

/**
 * How long a page has to answer. Firefox lets a worker open a window for one second after a
 * click, and a page that was put to sleep must not eat that up.
 */
const ANSWER_MS = 400;

/** Asks a page, and takes silence for no: it may be asleep, loading, or no page of the client. */
function ask(page: Page, question: ToPage): Promise<boolean> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    const settle = (yes: boolean) => {
      clearTimeout(silence);
      port1.close();
      resolve(yes);
    };
    const silence = setTimeout(() => settle(false), ANSWER_MS);
    port1.onmessage = (event) => settle(event.data === true);
    page.postMessage(question, [port2]);
  });
}

/** Whether a page that can be seen has already shown the notification `id`. */
export async function alreadyAlerted(pages: readonly Page[], id: string): Promise<boolean> {
  const seen = pages.filter((page) => page.visibilityState === 'visible');
  const answers = await Promise.all(seen.map((page) => ask(page, { type: 'alerted', id })));
  return answers.includes(true);
}

/**
 * Shows `url` in an open page, and says whether one did. The page is asked before it is brought
 * to the front, because a click allows one window to be focused or opened, not both: a page that
 * does not answer must leave that for a new one.
 */
export async function openInPage(pages: readonly Page[], url: string): Promise<boolean> {
  const page = [...pages].sort((a, b) => nearness(b) - nearness(a))[0];
  if (!page || !(await ask(page, { type: 'open', url }))) return false;
  await page.focus().catch(() => undefined);
  return true;
}

/** Which page people would expect: the one they use, else one they see, else any. */
function nearness(page: Page): number {
  if (page.focused) return 2;
  return page.visibilityState === 'visible' ? 1 : 0;
}
