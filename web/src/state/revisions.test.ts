import { describe, expect, test } from 'vitest';

import { Revisions } from './revisions';
import { message } from './testing/messages';

describe('revisions', () => {
  test('take the content of a message that was deleted', () => {
    const revisions = new Revisions();
    revisions.delete(message(1).id);
    const left = revisions.latest(message(1));
    expect(left).toMatchObject({ seq: 1, deleted: true });
    expect(JSON.stringify(left)).not.toContain('message 1');
  });

  test('leave other messages as they are', () => {
    const revisions = new Revisions();
    revisions.delete(message(1).id);
    const other = message(2);
    expect(revisions.latest(other)).toBe(other);
  });

  test('take the last edit, but nothing brings a deleted message back', () => {
    const revisions = new Revisions();
    const edited = { ...message(1), content: 'edited' };
    revisions.edit(edited);
    expect(revisions.latest(message(1))).toBe(edited);
    revisions.delete(edited.id);
    revisions.edit(edited);
    expect(revisions.latest(message(1)).deleted).toBe(true);
  });

  test('forget the oldest when there are many', () => {
    const revisions = new Revisions();
    for (let seq = 1; seq <= 3_000; seq += 1) revisions.delete(message(seq).id);
    expect(revisions.latest(message(1)).deleted).toBeUndefined();
    expect(revisions.latest(message(3_000)).deleted).toBe(true);
  });
});
