/**
 * Builds the service worker beside the page: one classic script, `/sw.js`, without a hash in its
 * name and without imports, because a browser keeps a worker by its address and compares it byte
 * by byte. A second build rather than a second entry, so that nothing the page also uses ends up
 * in a chunk that the worker would have to import.
 */
import { fileURLToPath } from 'node:url';

import { build, type Plugin } from 'vite';

const entry = fileURLToPath(new URL('../src/worker/sw.ts', import.meta.url));

async function bundle(mode: string): Promise<string> {
  const result = await build({
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    mode,
    build: {
      write: false,
      rolldownOptions: {
        input: entry,
        output: { format: 'iife', entryFileNames: 'sw.js' },
      },
    },
  });
  if (!('output' in result)) throw new Error('the service worker has not been built to one file');
  const [chunk, ...rest] = result.output;
  if (rest.length > 0) {
    throw new Error(
      `the service worker is more than one file: ${rest.map((it) => it.fileName).join(', ')}`,
    );
  }
  return chunk.code;
}

export function serviceWorker(): Plugin {
  let mode = 'production';
  let serves = false;
  return {
    name: 'chatalot:service-worker',
    configResolved(config) {
      mode = config.mode;
      serves = config.command === 'serve';
    },
    configureServer(server) {
      server.middlewares.use('/sw.js', (_request, response, next) => {
        bundle(mode).then((code) => {
          response.setHeader('Content-Type', 'text/javascript');
          response.setHeader('Cache-Control', 'no-cache');
          response.end(code);
        }, next);
      });
    },
    async buildStart() {
      // The development server, and the unit tests, which run in one, have no output.
      if (serves) return;
      this.emitFile({ type: 'asset', fileName: 'sw.js', source: await bundle(mode) });
    },
  };
}
