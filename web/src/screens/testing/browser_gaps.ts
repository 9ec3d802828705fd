/** What browsers have and the page of the tests does not. Imported before any screen. */

window.matchMedia ??= (media) =>
  Object.assign(new EventTarget(), { media, matches: false }) as unknown as MediaQueryList;

Element.prototype.scrollIntoView ??= () => {};

globalThis.ResizeObserver ??= class {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
};
