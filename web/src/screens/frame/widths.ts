import { MediaQuery } from 'svelte/reactivity';

/** Whether one pane at a time is shown, with the sidebar as a drawer. */
export const narrow = new MediaQuery('(max-width: 719px)');

/** Whether there is room for the members beside the messages. */
export const wide = new MediaQuery('(min-width: 1100px)');
