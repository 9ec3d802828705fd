import { expect, test } from 'vitest';

import { ranked, type Destination } from './destinations';

function channel(name: string, more: Partial<Destination> = {}): Destination {
  return { kind: 'channel', id: name, name, community: 'Ops', unread: 0, mentions: 0, ...more };
}

const names = (all: Destination[]) => all.map((one) => one.name);

test('with nothing typed, mentions come first, then what is unread, then the rest in order', () => {
  const all = [
    channel('general'),
    channel('alerts', { unread: 40 }),
    channel('random'),
    channel('releases', { unread: 2, mentions: 1 }),
  ];
  expect(names(ranked(all, ' '))).toEqual(['releases', 'alerts', 'general', 'random']);
});

test('the beginning of a name is a better match than its middle', () => {
  const all = [channel('prerelease'), channel('unrelated'), channel('releases')];
  expect(names(ranked(all, 'rel'))[0]).toBe('releases');
});

test('the first letters of the words of a name find it, with or without #', () => {
  const all = [channel('general'), channel('incident-review'), channel('internal')];
  expect(names(ranked(all, 'ir'))[0]).toBe('incident-review');
  expect(names(ranked(all, '#incident'))).toEqual(['incident-review']);
});

test('the name of the community tells channels of one name apart', () => {
  const all = [
    channel('general', { id: '1' }),
    channel('general', { id: '2', community: 'Design' }),
  ];
  expect(ranked(all, 'design general').map((one) => one.id)).toEqual(['2']);
  expect(ranked(all, 'general des').map((one) => one.id)).toEqual(['2']);
});

test('a community is found by its name', () => {
  const ops: Destination = { kind: 'community', id: 'c', name: 'Ops', unread: 0, mentions: 0 };
  expect(ranked([channel('alerts'), ops], 'ops')[0]).toBe(ops);
});

test('what is equally good is offered unread first', () => {
  const all = [
    channel('general', { id: '1' }),
    channel('general', { id: '2', community: 'Ops', unread: 3 }),
  ];
  expect(ranked(all, 'gen').map((one) => one.id)).toEqual(['2', '1']);
});

test('what does not match is not offered', () => {
  expect(ranked([channel('general')], 'xyz')).toEqual([]);
});
