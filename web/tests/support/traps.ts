/** Notices whatever a payload does in a page. */
import type { BrowserContext, Page } from '@playwright/test';

import { expect } from './test';

interface Trapped {
  trapped: string[];
}

/** The elements that the text of a message may consist of. */
const ELEMENTS = [
  ...['a', 'blockquote', 'br', 'code', 'del', 'div', 'em', 'hr', 'li', 'ol', 'p', 'pre', 's'],
  ...['span', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'],
];

/** Sets traps in every page of `context`, and lists what fell into them. */
export class Traps {
  readonly #context: BrowserContext;
  readonly #seen: string[] = [];

  private constructor(context: BrowserContext) {
    this.#context = context;
  }

  /** `picturesFrom` is the one host, besides its own, that a page may ask, and for pictures. */
  static async set(context: BrowserContext, origin: string, picturesFrom: string): Promise<Traps> {
    const traps = new Traps(context);
    await context.addInitScript(() => {
      const trapped: string[] = [];
      Object.assign(window, { trapped });
      for (const name of ['alert', 'confirm', 'prompt', 'print'] as const) {
        Object.assign(window, { [name]: () => void trapped.push(`${name} was called`) });
      }
      document.addEventListener('securitypolicyviolation', (event) => {
        trapped.push(`refused by the policy: ${event.effectiveDirective} ${event.blockedURI}`);
      });
    });
    context.on('dialog', (dialog) => {
      traps.#seen.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    context.on('request', (request) => {
      const url = new URL(request.url());
      const picture = request.resourceType() === 'image' && url.hostname === picturesFrom;
      if (url.origin !== origin && !picture) traps.#seen.push(`asked for ${request.url()}`);
    });
    return traps;
  }

  /** What happened that should not have. */
  async caught(): Promise<string[]> {
    const pages = this.#context.pages();
    const inPages = await Promise.all(
      pages.map((page) => page.evaluate(() => (window as unknown as Trapped).trapped)),
    );
    return [...this.#seen, ...inPages.flat()];
  }
}

/** Does what people do with a page, to every part of it. */
export async function touchEverything(page: Page): Promise<void> {
  await page.evaluate(() => {
    const touches = [
      ...['mouseover', 'mouseenter', 'pointerenter', 'pointerover', 'focus', 'blur', 'load'],
      ...['error', 'toggle', 'beforetoggle', 'animationstart', 'begin', 'start'],
    ];
    for (const element of document.querySelectorAll('[role=log] *')) {
      for (const type of touches) element.dispatchEvent(new Event(type));
    }
  });
}

/** Looks at every element and attribute of the page for what a payload may have put there. */
export async function expectNothingInjected(page: Page): Promise<void> {
  const found = await page.evaluate((elements) => {
    const complaints: string[] = [];
    const complain = (element: Element, why: string) =>
      complaints.push(`${why}: ${element.outerHTML.slice(0, 200)}`);
    const addresses = ['href', 'src', 'action', 'formaction', 'xlink:href', 'data', 'poster'];
    for (const element of document.querySelectorAll('*')) {
      for (const { name, value } of element.attributes) {
        if (name.startsWith('on')) complain(element, 'a handler');
        const scheme = /^[\s\p{Cc}]*([a-z-]+):/iu.exec(value)?.[1]?.toLowerCase() ?? 'https';
        if (addresses.includes(name) && !['http', 'https', 'mailto'].includes(scheme)) {
          complain(element, 'an address');
        }
        if (['srcset', 'srcdoc', 'ping', 'popovertarget'].includes(name)) complain(element, name);
      }
      const foreign = ['iframe', 'object', 'embed', 'base', 'frame', 'applet', 'portal', 'math'];
      if (foreign.includes(element.localName)) complain(element, 'an element');
      if (element.localName === 'script' && !(element as HTMLScriptElement).src) {
        complain(element, 'a script');
      }
    }
    const texts = document.querySelectorAll('[role=log] article .text *');
    for (const element of texts) {
      if (!elements.includes(element.localName)) complain(element, 'an element in a text');
      if (element.hasAttribute('style')) complain(element, 'a style in a text');
      if (element.hasAttribute('id') || element.hasAttribute('name')) complain(element, 'a name');
      const classes =
        /^(heading|table|image|mention|align-(left|right|center)|(hljs|language)-.*|[a-z]+_)?$/;
      if (![...element.classList].every((each) => classes.test(each))) complain(element, 'a class');
      if (element instanceof HTMLAnchorElement) {
        const rel = element.rel.split(' ');
        if (!rel.includes('noopener') || element.target !== '_blank') complain(element, 'a link');
        if (element.origin === location.origin) complain(element, 'a link into the page');
      }
    }
    return complaints;
  }, ELEMENTS);
  expect(found).toEqual([]);
}
