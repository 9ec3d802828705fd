import { fileURLToPath } from 'node:url';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vitest/config';

import { compressedSiblings } from './build/compressed-siblings.ts';
import { serviceWorker } from './build/service-worker.ts';

/** Where `npm run dev` finds the server. */
const server = process.env['CHATALOT_DEV_SERVER'] ?? 'http://localhost:8080';

export default defineConfig({
  plugins: [svelte(), serviceWorker(), compressedSiblings(), svelteTesting()],
  resolve: {
    alias: [
      // The Markdown parser's table of named characters, which every browser has already.
      {
        find: /^entities$/,
        replacement: fileURLToPath(new URL('./src/text/entities.ts', import.meta.url)),
      },
    ],
  },
  build: {
    // The server's Content-Security-Policy admits files of its own origin only: nothing is
    // inlined as a data: address, and no script stands in the page.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // It finds its .wasm beside itself, which it would not as a part of a bundle.
  optimizeDeps: { exclude: ['@matrix-org/matrix-sdk-crypto-wasm'] },
  server: {
    port: 5173,
    strictPort: true,
    proxy: {
      // The server admits calls of its own origin only; what the browser says of the page's
      // origin is rewritten to the server's.
      '/api': {
        target: server,
        changeOrigin: true,
        rewriteWsOrigin: true,
        ws: true,
        configure(proxy) {
          proxy.on('proxyReq', (request) => {
            if (request.hasHeader('origin')) request.setHeader('origin', server);
          });
        },
      },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts', 'build/**/*.test.ts'],
    restoreMocks: true,
    // Tests wait for events; this is only for those that never come, also on a busy machine.
    testTimeout: 30_000,
    // So that the parser is tested with the alias above.
    server: { deps: { inline: ['markdown-it'] } },
  },
});
