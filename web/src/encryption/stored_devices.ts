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
  save([...storeNames().filter((other) => other !== name), name]);
}

/** Whether this browser has keys of a device. */
export function hasStore(name: string): boolean {
  return storeNames().includes(name);
}

/** The names of all stores that this browser has. */
export function storeNames(): string[] {
  try {
    const names: unknown = JSON.parse(localStorage.getItem(NAMES) ?? '[]');
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  } catch {
    return [];
  }
}

/** Removes the stores of devices that are none any more. A tab may keep one for a while. */
export async function removeStores(names: readonly string[]): Promise<void> {
  await Promise.all(names.map(removeStore));
}

async function removeStore(name: string): Promise<void> {
  await Promise.all(DATABASES.map((suffix) => remove(name + suffix)));
  save(storeNames().filter((other) => other !== name));
}

/** Removes a database, once nobody has it open. */
function remove(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error ?? new Error(`${name} cannot be removed`));
  });
}

function save(names: string[]): void {
  try {
    localStorage.setItem(NAMES, JSON.stringify(names));
  } catch {
    // Without storage for this there is none for keys either.
  }
}
