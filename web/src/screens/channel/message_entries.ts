import Copy from '@lucide/svelte/icons/copy';
import Link from '@lucide/svelte/icons/link';
import Pencil from '@lucide/svelte/icons/pencil';
import Trash from '@lucide/svelte/icons/trash-2';

import type { Message } from '../../api/types';
import type { MenuEntry } from '../../components/Menu.svelte';
import type { Client } from '../../state/client.svelte';
import type { MessageContent } from '../../state/message_content';
import { bodyOf, isBy } from './own_messages';

/** What the menu of a message offers to the one who reads it. */
export function messageEntries(
  client: Client,
  message: Message,
  content: MessageContent,
  ondelete: () => void,
): MenuEntry[] {
  const place = { kind: 'channel', channelId: message.channel_id, seq: message.seq } as const;
  const link = new URL(client.router.href(place), location.origin).href;
  const copy = (text: string) =>
    navigator.clipboard.writeText(text).catch(() => {
      client.ui.notice = 'This browser does not let the page copy. It allows it over https.';
    });

  const entries: MenuEntry[] = [
    { label: 'Copy link', icon: Link, onselect: () => void copy(link) },
  ];
  const own = isBy(message, client.session.user?.id);
  const written = bodyOf(content);
  const text = content.kind === 'text' ? content.text : written;
  if (text !== undefined) {
    entries.push({ label: 'Copy text', icon: Copy, onselect: () => void copy(text) });
  }
  if (own && written !== undefined) {
    entries.push({
      label: 'Edit message',
      icon: Pencil,
      onselect: () => client.drafts.of(message.channel_id).startEdit(message.id, written),
    });
  }
  if (own || client.channels.mayAdminister(message.channel_id)) {
    entries.push('separator', {
      label: 'Delete message',
      icon: Trash,
      danger: true,
      onselect: ondelete,
    });
  }
  return entries;
}
