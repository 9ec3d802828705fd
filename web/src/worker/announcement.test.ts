import { describe, expect, test } from 'vitest';

import { UNREADABLE, announcement, announcementOf } from './announcement';

const ORIGIN = 'https://chat.example.com';
const CHANNEL = '01a20918-cd31-72ce-a1c1-998499338825';

function mention(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    id: '01a20918-0000-7000-8000-000000000001',
    kind: 'mention',
    community_id: '01a20918-0000-7000-8000-000000000002',
    channel_id: CHANNEL,
    channel_name: 'alerts',
    message_id: '01a20918-0000-7000-8000-000000000003',
    seq: 18,
    author: { name: 'Backup job', avatar_url: 'https://example.com/a.png' },
    preview: 'Backup of db1 failed, @ada please look.',
    created_at: '2026-11-23T15:48:12.077464+00:00',
    read_at: null,
    url: `${ORIGIN}/c/${CHANNEL}/18`,
    ...changes,
  });
}

describe('announcement', () => {
  test('a mention says who, where and how the message begins', () => {
    expect(announcement(mention(), ORIGIN)).toEqual({
      id: '01a20918-0000-7000-8000-000000000001',
      title: 'Backup job in #alerts',
      body: 'Backup of db1 failed, @ada please look.',
      icon: 'https://example.com/a.png',
      url: `${ORIGIN}/c/${CHANNEL}/18`,
      channelId: CHANNEL,
      seq: 18,
      at: Date.parse('2026-11-23T15:48:12.077Z'),
    });
  });

  test('a mention without a picture, or with one that is not from https, shows the icon of Chatalot', () => {
    for (const avatar_url of [null, undefined, 'http://example.com/a.png', 'data:image/png,x', 7]) {
      const shown = announcement(mention({ author: { name: 'CI', avatar_url } }), ORIGIN);
      expect(shown.icon).toBe('/icon-192.png');
    }
  });

  test('a test notification says that the device is reached', () => {
    const payload = {
      id: 'test-id',
      kind: 'test',
      preview: 'This device receives notifications.',
      created_at: '2026-11-23T15:48:12.077464+00:00',
      url: `${ORIGIN}/`,
    };
    expect(announcement(JSON.stringify(payload), ORIGIN)).toMatchObject({
      id: 'test-id',
      title: 'Test notification',
      body: 'This device receives notifications.',
      url: `${ORIGIN}/`,
    });
  });

  test('what cannot be read still shows that there is something', () => {
    const unreadable = [
      undefined,
      '',
      'not JSON',
      '7',
      'null',
      '[]',
      '{}',
      '{"id":7}',
      '{"id":""}',
    ];
    for (const text of unreadable) {
      expect(announcement(text, ORIGIN)).toMatchObject({
        id: UNREADABLE,
        title: 'Chatalot',
        body: 'You have a new notification.',
        url: `${ORIGIN}/`,
      });
    }
  });

  test('fields that are missing or of the wrong kind cost only themselves', () => {
    const shown = announcement('{"id":"a","author":"CI","seq":"18","preview":{}}', ORIGIN);
    expect(shown).toMatchObject({
      id: 'a',
      title: 'Chatalot',
      body: '',
      url: `${ORIGIN}/`,
      seq: null,
      at: null,
    });
    expect(announcement(mention({ author: null }), ORIGIN).title).toBe('#alerts');
    expect(announcement(mention({ channel_name: 3 }), ORIGIN).title).toBe('Backup job');
  });

  test('a kind that is newer than this worker is shown like a mention', () => {
    expect(announcement(mention({ kind: 'reply' }), ORIGIN).title).toBe('Backup job in #alerts');
  });

  test('an address elsewhere is replaced by the place at our own origin', () => {
    const elsewhere = [
      'https://evil.example/',
      'http://chat.example.com/c/x/1',
      'javascript:alert(1)',
      '/c/x',
      'https://',
    ];
    for (const url of elsewhere) {
      expect(announcement(mention({ url }), ORIGIN).url).toBe(`${ORIGIN}/c/${CHANNEL}/18`);
    }
    const odd = mention({ url: 'https://evil.example/', channel_id: '../../evil' });
    expect(announcement(odd, ORIGIN).url).toBe(`${ORIGIN}/`);
  });

  test('the marks of Markdown are left out of the body', () => {
    expect(announcement(mention({ preview: '**db1** is `down`' }), ORIGIN).body).toBe(
      'db1 is down',
    );
  });

  test('a name that shows nothing is not left empty', () => {
    const shown = announcement(mention({ author: { name: '\u200b\u202e' } }), ORIGIN);
    expect(shown.title).toBe('Webhook in #alerts');
  });

  test('a notification that a page hands over has no address, and gets its own', () => {
    const { url: _url, ...notification } = JSON.parse(mention()) as Record<string, unknown>;
    expect(announcementOf(notification, ORIGIN)).toEqual(announcement(mention(), ORIGIN));
  });

  test('a name from right to left does not change the order of the words around it', () => {
    const shown = announcement(mention({ author: { name: 'אבג' } }), ORIGIN);
    expect(shown.title).toBe('\u2068אבג\u2069 in #alerts');
  });
});
