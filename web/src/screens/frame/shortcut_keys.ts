import type { Channel } from '../../api/types';
import type { Client } from '../../state/client.svelte';
import type { Ui } from '../../state/ui.svelte';
import type { Whereabouts } from './whereabouts.svelte';

/** The shortcuts, as the dialog lists them. */
export const shortcuts: readonly { keys: string[]; does: string }[] = [
  { keys: ['Alt', '↑'], does: 'Previous channel' },
  { keys: ['Alt', '↓'], does: 'Next channel' },
  { keys: ['Ctrl', 'K'], does: 'Go to a channel or community' },
  { keys: ['↑', '↓'], does: 'From message to message' },
  { keys: ['End'], does: 'To the latest message' },
  { keys: ['Esc'], does: 'Close what is on top' },
  { keys: ['?'], does: 'This list' },
];

/** Does what a key stands for, wherever the focus is. */
export function pressShortcut(event: KeyboardEvent, client: Client, where: Whereabouts): void {
  if (event.defaultPrevented || event.isComposing) return;
  const { altKey, ctrlKey, metaKey, key } = event;
  const plain = !altKey && !ctrlKey && !metaKey;
  // A dialog may hold what is not saved, such as the URL of a new webhook: it is closed first.
  const free = !inDialog(event) && !client.ui.switcher;

  if (client.ui.switcher && !inDialog(event)) {
    // Its code is still on the way, and hands are faster.
    if (!typeAhead(client.ui, plain ? key : '')) return;
  } else if (altKey && !ctrlKey && !metaKey && (key === 'ArrowUp' || key === 'ArrowDown')) {
    const next = free && neighbour(where, key === 'ArrowUp' ? -1 : 1);
    if (next) client.router.go({ kind: 'channel', channelId: next.id });
  } else if ((ctrlKey || metaKey) && !altKey && key.toLowerCase() === 'k') {
    if (free) client.ui.openSwitcher();
  } else if (plain && key === '?' && free && !isTyping(event)) {
    client.ui.openShortcuts();
  } else return;
  event.preventDefault();
}

/** What is pressed before the switcher is there goes into it. Says whether the key meant something. */
function typeAhead(ui: Ui, key: string): boolean {
  if (key === 'Escape') ui.closeSwitcher();
  else if (key === 'Backspace') ui.switcherText = ui.switcherText.slice(0, -1);
  else if ([...key].length === 1) ui.switcherText += key;
  else return false;
  return true;
}

/** The channel above or below the present one in the sidebar, round the ends. */
function neighbour(where: Whereabouts, step: -1 | 1): Channel | undefined {
  const { channels, channel } = where;
  const at = channels.findIndex(({ id }) => id === channel?.id);
  if (at < 0) return channels.at(step === 1 ? 0 : -1);
  return channels[(at + step + channels.length) % channels.length];
}

function isTyping(event: KeyboardEvent): boolean {
  const { target } = event;
  if (!(target instanceof HTMLElement)) return false;
  return target.matches('input, textarea, select') || target.isContentEditable;
}

function inDialog({ target }: KeyboardEvent): boolean {
  return target instanceof Element && target.closest('[role$="dialog"]') !== null;
}
