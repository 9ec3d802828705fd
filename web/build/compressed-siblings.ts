/**
 * Writes `<file>.br` and `<file>.gz` beside every built file that gets smaller by it, so that the
 * server never compresses one.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

import type { Plugin } from 'vite';

const compressible = new Set([
  '.css',
  '.html',
  '.js',
  '.json',
  '.svg',
  '.txt',
  '.wasm',
  '.webmanifest',
]);

/** A sibling has to save this share of the file, else the file alone is sent. */
const worthwhile = 0.9;

async function compress(path: string): Promise<void> {
  const plain = await readFile(path);
  const siblings = [
    {
      path: `${path}.br`,
      bytes: await promisify(brotliCompress)(plain, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
        },
      }),
    },
    { path: `${path}.gz`, bytes: await promisify(gzip)(plain, { level: 9 }) },
  ];
  for (const sibling of siblings) {
    if (sibling.bytes.length < plain.length * worthwhile) {
      await writeFile(sibling.path, sibling.bytes);
    }
  }
}

export function compressedSiblings(): Plugin {
  let outDir = '';
  return {
    name: 'chatalot:compressed-siblings',
    apply: 'build',
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    // After the files of public/ have been copied, too.
    async closeBundle() {
      const entries = await readdir(outDir, { recursive: true, withFileTypes: true });
      for (const entry of entries) {
        if (entry.isFile() && compressible.has(extname(entry.name))) {
          await compress(join(entry.parentPath, entry.name));
        }
      }
    },
  };
}
