/** The places of the client and the addresses that name them. */

/** Where somebody is. */
export type Place =
  | { kind: 'home' }
  | { kind: 'channel'; channelId: string; seq?: number }
  | { kind: 'invite'; code: string }
  | { kind: 'settings'; page: string }
  | { kind: 'entry' };

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The page of the settings that `/settings` alone means. */
const FIRST_SETTINGS_PAGE = 'appearance';

/** Reads an address; null when it names no place. */
export function placeAt(pathname: string): Place | null {
  const [first, second, third, ...rest] = pathname.split('/').slice(1).map(decoded);
  if (rest.length > 0) return null;
  const end = third === undefined || third === '';
  if (first === '' && second === undefined) return { kind: 'home' };
  if (first === 'sign-in' && !second && end) return { kind: 'entry' };
  if (first === 'settings' && end) {
    return { kind: 'settings', page: second || FIRST_SETTINGS_PAGE };
  }
  if (first === 'invite' && second && end) return { kind: 'invite', code: second };
  if (first === 'c' && second) return channelAt(second.toLowerCase(), end ? null : third);
  return null;
}

/** The address of a place. */
export function hrefOf(place: Place): string {
  switch (place.kind) {
    case 'home':
      return '/';
    case 'entry':
      return '/sign-in';
    case 'settings':
      return `/settings/${encodeURIComponent(place.page)}`;
    case 'invite':
      return `/invite/${encodeURIComponent(place.code)}`;
    case 'channel':
      return place.seq === undefined
        ? `/c/${place.channelId}`
        : `/c/${place.channelId}/${place.seq}`;
  }
}

function channelAt(channelId: string, seq: string | null): Place | null {
  if (!ID.test(channelId)) return null;
  if (seq === null) return { kind: 'channel', channelId };
  const number = Number(seq);
  const valid = /^\d+$/.test(seq) && Number.isSafeInteger(number) && number > 0;
  return valid ? { kind: 'channel', channelId, seq: number } : null;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
