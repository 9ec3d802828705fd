import { beforeEach, expect, test } from 'vitest';

import type { Channel } from '../api/types';
import type { Place } from '../routing/place';
import { LastPlaces, type LastPlacesContext } from './last_places';

let place: Place;
let channels: Channel[];

beforeEach(() => {
  localStorage.clear();
  place = { kind: 'home' };
  channels = [channel('o1', 'c1'), channel('o2', 'c2'), channel('o1', 'c3')];
});

function channel(community_id: string, id: string, joined = true): Channel {
  return { id, community_id, joined } as Channel;
}

/** What a page that was just loaded remembers, in two communities. */
function open(): LastPlaces {
  const context = {
    router: {
      get place() {
        return place;
      },
    },
    communities: {
      list: [{ id: 'o1' }, { id: 'o2' }],
      get: (id: string) => (['o1', 'o2'].includes(id) ? { id } : undefined),
    },
    channels: {
      get: (id: string) => channels.find((other) => other.id === id),
      of: (id: string) => ({ list: channels.filter((other) => other.community_id === id) }),
    },
  };
  return new LastPlaces(context as unknown as LastPlacesContext);
}

const leadsTo = (channelId: string) => ({ kind: 'channel', channelId });

test('the last channel of each community, and the last community, outlast the page', () => {
  const places = open();
  for (const id of ['c1', 'c2', 'c3']) places.visit(id);
  const later = open();
  expect(later.communityId).toBe('o1');
  expect(later.placeIn('o1')).toEqual(leadsTo('c3'));
  expect(later.placeIn('o2')).toEqual(leadsTo('c2'));
});

test('the community of the place goes before the one that was last open', () => {
  const places = open();
  places.visit('c1');
  place = { kind: 'channel', channelId: 'c2' };
  expect(places.communityId).toBe('o2');
});

test('a channel that the user left, or never was in, is no place to come back to', () => {
  const places = open();
  places.visit('c3');
  channels = [channel('o1', 'c0', false), channel('o1', 'c1'), channel('o1', 'c3', false)];
  expect(places.placeIn('o1')).toEqual(leadsTo('c1'));
  places.visit('c0');
  expect(places.placeIn('o1')).toEqual(leadsTo('c1'));
  expect(places.placeIn('o2')).toBeUndefined();
});

test('nothing is remembered when what is stored is no list of places', () => {
  localStorage.setItem('chatalot.last_channels', '{"o1":1}');
  expect(open().communityId).toBe('o1');
  localStorage.setItem('chatalot.last_channels', '[["o1"],["o2","c2"]]');
  expect(open().communityId).toBe('o2');
});
