import { describe, expect, test } from 'vitest';

import { parseFrame } from './frames';

describe('a frame from the server', () => {
  test('is read when it has the fields of its kind', () => {
    const text = '{"type":"subscribed","channel_id":"c","last_seq":17}';
    expect(parseFrame(text)).toEqual({ type: 'subscribed', channel_id: 'c', last_seq: 17 });
  });

  test('keeps fields that this version does not know', () => {
    expect(parseFrame('{"type":"pong","ref":"p","later":1}')).toMatchObject({ later: 1 });
  });

  test.each([
    ['of a kind that is not known', '{"type":"to_nobody","events":[]}'],
    ['named like a method of objects', '{"type":"constructor"}'],
    ['that lacks a field', '{"type":"message","channel_id":"c","seq":1}'],
    ['with a field of another kind', '{"type":"subscribed","channel_id":"c","last_seq":"17"}'],
    ['with nothing where a message should be', '{"type":"mention","notification":null}'],
    ['that is no object', '[1]'],
    ['that is no JSON', 'hello'],
  ])('%s is left aside', (_, text) => {
    expect(parseFrame(text)).toBeNull();
  });
});
