/** Which devices this browser keeps keys of, and how they are removed. */

/** What the library appends to the name of a store. */
const DATABASES = ['', '::matrix-sdk-crypto', '::matrix-sdk-crypto-meta'];
/** Where the names of the stores are noted: not every browser can list its databases. */
const NAMES = 'chatalot:encryption-stores';

/** The name of a device's store. */
export function storeName(userId: string, deviceId: string): string {
  return `chatalot-encryption:${userId}:${deviceId}`;
}

/** Notes a store, so that it is found when it has to go. Done before it is made. */
export function noteStore(name: string): void {
  save([...noted().filter((other) => other !== name), name]);
}

/** Whether this browser has keys of a device. */
export function hasStore(name: string): boolean {
  return noted().includes(name);
}

/** Removes the stores of devices that are none any more: all, or all but one. */
export async function removeStores(except?: string): Promise<void> {
  const names = noted().filter((name) => name !== except);
  for (const name of names) {
    await Promise.all(DATABASES.map((suffix) => remove(name + suffix)));
    save(noted().filter((other) => other !== name));
  }
}

/** Removes a database, once nobody has it open. */
function remove(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error ?? new Error(`${name} cannot be removed`));
  });
}

function noted(): string[] {
  try {
    const names: unknown = JSON.parse(localStorage.getItem(NAMES) ?? '[]');
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  } catch {
    return [];
  }
}

function save(names: string[]): void {
  try {
    localStorage.setItem(NAMES, JSON.stringify(names));
  } catch {
    // Without storage for this there is none for keys either.
  }
}
