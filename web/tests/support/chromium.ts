/** The Chromium of this system. */
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

const programs = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Finds its program, where `scripts/prerequisites` looks too. */
export function chromium(): string {
  const chosen = process.env['CHATALOT_TEST_CHROMIUM'];
  for (const program of chosen ? [chosen] : programs) {
    const found = placesOf(program).find(canBeRun);
    if (found !== undefined) return found;
  }
  throw new Error(
    chosen
      ? `CHATALOT_TEST_CHROMIUM is ${chosen}, but there is no such program`
      : 'There is no Chromium: install it, or name its program in CHATALOT_TEST_CHROMIUM',
  );
}

function placesOf(program: string): string[] {
  if (isAbsolute(program)) return [program];
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  return directories.map((directory) => join(directory, program));
}

function canBeRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
