/** As much of the protocol buffers' encoding as the push service speaks. */

/** The fields of a message, one after another. */
export function message(...fields: Buffer[]): Buffer {
  return Buffer.concat(fields);
}

/** A field with a whole number. */
export function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

/** A field with a number of eight bytes. */
export function fixed64(field: number, value: bigint): Buffer {
  const encoded = Buffer.alloc(8);
  encoded.writeBigUInt64LE(value);
  return Buffer.concat([varint((field << 3) | 1), encoded]);
}

/** A field with text, bytes or a message. */
export function bytes(field: number, value: string | Buffer): Buffer {
  const encoded = Buffer.from(value as string);
  return Buffer.concat([varint((field << 3) | 2), varint(encoded.length), encoded]);
}

/** A number in as few bytes as it needs, seven bits in each. */
export function varint(value: number): Buffer {
  const encoded: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    encoded.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(encoded);
}

/** Reads such a number, and says where it ends; nothing when not all of it has come. */
export function readVarint(from: Buffer, at: number): { value: number; end: number } | null {
  let value = 0;
  for (let index = at; index < from.length; index += 1) {
    const byte = from[index] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * (index - at));
    if (byte < 0x80) return { value, end: index + 1 };
  }
  return null;
}
