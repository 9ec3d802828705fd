import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import svelte from 'eslint-plugin-svelte';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import ts from 'typescript-eslint';

import svelteConfig from './svelte.config.js';

export default defineConfig(
  {
    ignores: [
      'dist/',
      'node_modules/',
      'src/api/schema.d.ts',
      'test-results/',
      'playwright-report/',
    ],
  },
  js.configs.recommended,
  ts.configs.strict,
  svelte.configs.recommended,
  prettier,
  svelte.configs.prettier,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      // TypeScript knows every name, and the worlds (page, worker, build) differ.
      'no-undef': 'off',
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      // What a message holds goes through one place, which cleans it: see src/text.
      'svelte/no-at-html-tags': 'error',
      'svelte/no-inline-styles': ['error', { allowTransitions: true }],
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: {
      parserOptions: { extraFileExtensions: ['.svelte'], parser: ts.parser, svelteConfig },
    },
    rules: { 'svelte/no-navigation-without-resolve': 'off' },
  },
  {
    files: ['src/state/**', 'src/routing/**'],
    // The stores say themselves what is reactive; their plain maps and sets are not on purpose.
    rules: { 'svelte/prefer-svelte-reactivity': 'off' },
  },
  {
    files: ['src/**'],
    ignores: ['src/encryption/**'],
    // Encryption is megabytes, and a matter of trust: it is loaded when it is needed, by one door.
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: [
                '@matrix-org/*',
                'matrix-js-sdk',
                'matrix-js-sdk/*',
                '**/encryption/engine/*',
              ],
              message: 'Encryption is used through the CryptoEngine of src/encryption/types.ts.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['tests/**'],
    // Playwright's fixtures without dependencies still take an (empty) first parameter.
    rules: { 'no-empty-pattern': 'off' },
  },
);
