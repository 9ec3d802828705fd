/**
 * Calls about many users or devices at once, of which the server takes only so many: it says so,
 * and is then asked for one half after the other. Its answers become one.
 */

import { asProblem } from '../../api/problem';

type Members = Record<string, unknown>;

/** Makes a call whose body names users, and maybe devices of theirs, in the object `field`. */
export async function inHalves(
  field: string,
  body: string,
  call: (body: string) => Promise<string>,
): Promise<string> {
  try {
    return await call(body);
  } catch (error) {
    const tooLarge = asProblem(error).status === 413;
    const halves = tooLarge || isTooMuch(error, field) ? halvesOf(field, body) : null;
    if (halves === null) throw error;
    const answers: Members[] = [];
    for (const half of halves) {
      answers.push(JSON.parse(await inHalves(field, half, call)) as Members);
    }
    return JSON.stringify(answers.reduce(merge));
  }
}

/** Whether the server refuses a call for nothing but the number of those that it names. */
export function isTooMuch(error: unknown, field: string): boolean {
  const { code, errors } = asProblem(error);
  return code === 'invalid_body' && errors.some(({ pointer }) => pointer === `/${field}`);
}

/** The same call for the one half and for the other; null if it names one only. */
function halvesOf(field: string, body: string): [string, string] | null {
  const { [field]: named, ...rest } = JSON.parse(body) as Members;
  const halves = halve(named as Members);
  const bodyOf = (half: Members) => JSON.stringify({ ...rest, [field]: half });
  return halves && [bodyOf(halves[0]), bodyOf(halves[1])];
}

function halve(named: Members): [Members, Members] | null {
  const entries = Object.entries(named);
  const [first] = entries;
  if (first === undefined) return null;
  if (entries.length > 1) {
    const middle = Math.ceil(entries.length / 2);
    return [
      Object.fromEntries(entries.slice(0, middle)),
      Object.fromEntries(entries.slice(middle)),
    ];
  }
  // One user: then it is their devices that are too many.
  const [user, devices] = first;
  const halves = isObject(devices) ? halve(devices) : null;
  return halves && [{ [user]: halves[0] }, { [user]: halves[1] }];
}

function merge(one: Members, other: Members): Members {
  const merged = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const known = Object.hasOwn(merged, key) ? merged[key] : undefined;
    merged[key] = isObject(known) && isObject(value) ? merge(known, value) : value;
  }
  return merged;
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
