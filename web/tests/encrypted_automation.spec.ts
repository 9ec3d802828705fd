/** Browsers and the Rust client: each reads live what the other writes. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { canBeWrittenTo, PATIENCE, say, shown, signInAt, twoMembers } from './support/encryption';
import { PASSWORD, type Person } from './support/people';
import { message } from './support/screens';
import { expect, test } from './support/test';

test.setTimeout(120_000);

/** An example of the Rust client, which `cargo test` builds beside the server. */
function example(name: string): string {
  const server =
    process.env['CHATALOT_TEST_SERVER'] ??
    resolve(import.meta.dirname, '../../target/debug/chatalot');
  const path = join(dirname(server), 'examples', name);
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: cargo build -p chatalot-client --examples`);
  }
  return path;
}

/** Starts an example in the name of `person`. */
function start(
  name: string,
  args: string[],
  url: string,
  person: Person,
  recoveryKey = '',
): ChildProcessWithoutNullStreams {
  const started = spawn(example(name), args, {
    env: {
      CHATALOT_URL: url,
      CHATALOT_USERNAME: person.username,
      CHATALOT_PASSWORD: PASSWORD,
      CHATALOT_RECOVERY_KEY: recoveryKey,
    },
  });
  started.stdin.end();
  return started;
}

/** Waits for its end, and answers what it printed. */
async function said(program: ChildProcessWithoutNullStreams): Promise<string> {
  let [printed, complaint] = ['', ''];
  program.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  program.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const [code] = (await once(program, 'close')) as [number | null];
  expect(code, complaint).toBe(0);
  return printed.trim();
}

test('what an automation encrypts is read in the browser, and what is written there by it', async ({
  people,
  server,
  browserOf,
}) => {
  const { alice, bob: robot, general, path } = await twoMembers(people);
  const page = await browserOf(null);
  await signInAt(page, alice, path);
  await canBeWrittenTo(alice);
  const recoveryKey = await said(start('post_encrypted', ['--set-up'], server.url, robot));

  const text = [general.id, 'the **audit** failed'];
  await said(start('post_encrypted', text, server.url, robot, recoveryKey));
  const posted = message(page, 'the audit failed');
  await expect(posted).toBeVisible(PATIENCE);
  await expect(posted.locator('strong')).toHaveText('audit');

  const reader = start('read_encrypted', [general.id], server.url, robot, recoveryKey);
  try {
    const reading = createInterface(reader.stderr)[Symbol.asyncIterator]();
    const lines = createInterface(reader.stdout)[Symbol.asyncIterator]();
    expect((await reading.next()).value).toBe('read_encrypted: reading');
    await canBeWrittenTo(robot);
    await say(page, 'which one?');
    const { value } = (await lines.next()) as IteratorResult<string, string>;
    expect(JSON.parse(value)).toMatchObject({ author: alice.user.id, text: 'which one?' });
    const ended = once(reader, 'close');
    reader.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
  } finally {
    reader.kill('SIGKILL');
  }
  // Its device is gone, and what it wrote stays readable.
  await page.reload();
  await expect(shown(page, 'which one?')).toBeVisible(PATIENCE);
  await expect(message(page, 'the audit failed')).toBeVisible(PATIENCE);
});
