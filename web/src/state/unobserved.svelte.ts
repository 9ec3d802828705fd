/** Things that are made when somebody asks for them, while a component is being drawn. */

/**
 * Makes something that has reactive state of its own. Svelte does not track state within the
 * reaction that creates it: a list that a component makes by asking for it would not be drawn
 * again when it arrives. Made here, it belongs to no reaction.
 */
export function unobserved<T>(make: () => T): T {
  let made: T | undefined;
  $effect.root(() => {
    made = make();
  })();
  return made as T;
}
