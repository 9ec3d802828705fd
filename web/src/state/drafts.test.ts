import { beforeEach, describe, expect, it } from 'vitest';

import { Drafts } from './drafts.svelte';

/** The drafts of a page that was opened now; `flush` stands for leaving it. */
function openPage(userId = 'ada'): Drafts {
  return new Drafts(() => userId);
}

beforeEach(() => localStorage.clear());

describe('drafts', () => {
  it('survive a reload, each in its channel', () => {
    const before = openPage();
    before.of('a').text = 'half a sen';
    before.of('b').text = 'another';
    before.flush();
    const after = openPage();
    expect(after.of('a').text).toBe('half a sen');
    expect(after.of('b').text).toBe('another');
    expect(after.of('c').text).toBe('');
  });

  it('keep the new text of a message beside the new message', () => {
    const before = openPage();
    before.of('a').text = 'new';
    before.of('a').startEdit('m1', 'old text');
    before.of('a').text = 'better text';
    before.flush();
    const draft = openPage().of('a');
    expect(draft.edit).toEqual({ messageId: 'm1', body: 'better text' });
    draft.endEdit();
    expect(draft.text).toBe('new');
  });

  it('are nobody else’s', () => {
    const drafts = openPage('ada');
    drafts.of('a').text = 'mine';
    drafts.flush();
    expect(openPage('bob').of('a').text).toBe('');
  });

  it('leave nothing on the device once they are sent or their user signs out', () => {
    const drafts = openPage();
    drafts.of('a').text = 'sent';
    drafts.of('b').text = 'not sent';
    drafts.flush();
    drafts.of('a').text = '';
    drafts.flush();
    expect(Object.keys(localStorage)).toEqual(['chatalot.draft.b']);
    drafts.clear('ada');
    expect(Object.keys(localStorage)).toEqual([]);
  });

  it('stay when somebody else’s session ends, and go when somebody else signs in', () => {
    const drafts = openPage('ada');
    drafts.of('a').text = 'mine';
    drafts.flush();
    drafts.clear('bob');
    expect(openPage('ada').of('a').text).toBe('mine');
    drafts.clearOthers('bob');
    expect(Object.keys(localStorage)).toEqual([]);
  });

  it('give way to newer ones when they are many', () => {
    const drafts = openPage();
    for (let index = 0; index < 60; index += 1) {
      drafts.of(`c${index}`).text = 'x';
      drafts.flush();
    }
    expect(Object.keys(localStorage).length).toBeLessThanOrEqual(50);
  });

  it('that are too long to be stored last as long as the page', () => {
    const drafts = openPage();
    drafts.of('a').text = 'x'.repeat(200_000);
    drafts.flush();
    expect(drafts.of('a').text).toHaveLength(200_000);
    expect(Object.keys(localStorage)).toEqual([]);
  });

  it('that something else wrote are not believed', () => {
    localStorage.setItem('chatalot.draft.a', '{"body":1');
    localStorage.setItem('chatalot.draft.b', '{"userId":"ada","body":"x","edit":{"messageId":3}}');
    expect(openPage().of('a').text).toBe('');
    expect(openPage().of('b').edit).toBeNull();
  });
});
