// @vitest-environment node
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

/** Text colours and the backgrounds they stand on. */
const pairs: Record<string, string[]> = {
  '--text': ['--background', '--raised', '--hover', '--selected', '--tint', '--danger-tint'],
  '--muted': ['--background', '--raised', '--hover', '--selected', '--tint'],
  '--accent': ['--background', '--raised', '--tint'],
  '--on-accent': ['--accent', '--accent-hover'],
  '--on-mention': ['--mention', '--background', '--raised', '--tint'],
  '--danger': ['--background', '--raised', '--tint', '--danger-tint'],
  '--on-danger': ['--danger', '--danger-hover'],
  '--success': ['--background', '--raised'],
  '--on-badge': ['--badge'],
  '--code-keyword': ['--raised', '--tint'],
  '--code-string': ['--raised', '--tint'],
  '--code-number': ['--raised', '--tint'],
  '--code-title': ['--raised', '--tint'],
  '--code-deletion': ['--raised', '--tint'],
};

function colour(token: string, theme: 'light' | 'dark'): string {
  const both = new RegExp(`${token}: light-dark\\((#\\w{6}), (#\\w{6})\\);`).exec(css);
  const one = new RegExp(`${token}: (#\\w{6});`).exec(css);
  const value = both?.[theme === 'light' ? 1 : 2] ?? one?.[1];
  if (!value) throw new Error(`tokens.css has no ${token}`);
  return value;
}

/** The relative luminance of WCAG 2.2. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

describe.each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  const combinations = Object.entries(pairs).flatMap(([text, backgrounds]) =>
    backgrounds.map((background) => [text, background] as const),
  );

  it.each(combinations)('%s can be read on %s', (text, background) => {
    expect(contrast(colour(text, theme), colour(background, theme))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(['--background', '--raised'])('the outline of a field is seen on %s', (background) => {
    expect(contrast(colour('--line-strong', theme), colour(background, theme))).toBeGreaterThan(3);
  });
});
