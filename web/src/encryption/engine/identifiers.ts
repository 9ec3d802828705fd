/** How users, channels and devices are called in what is signed and encrypted. */

/** The names of one device's view of the server. */
export class Identifiers {
  /** The user's id, as the rest of the client has it. */
  readonly userId: string;
  /** The device: the session that is signed in. */
  readonly deviceId: string;
  readonly #server: string;

  /** Takes the names that the server calls this device by. */
  constructor(user: string, device: string) {
    const colon = user.indexOf(':');
    if (!user.startsWith('@') || colon < 2) throw new Error(`not a user id: ${user}`);
    this.userId = user.slice(1, colon);
    this.deviceId = device;
    this.#server = user.slice(colon + 1);
  }

  /** `@<user>:<server>` */
  user(userId: string): string {
    return `@${userId}:${this.#server}`;
  }

  /** `!<channel>:<server>` */
  room(channelId: string): string {
    return `!${channelId}:${this.#server}`;
  }

  /** The user's id in `@<user>:<server>`. */
  userIdIn(user: string): string {
    const colon = user.indexOf(':');
    return user.slice(1, colon < 0 ? undefined : colon);
  }
}
