/** Opens a screen in a test, for somebody who is signed in at a server that a test plays. */

import './browser_gaps';

import { configure, render } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import type { Component } from 'svelte';
import { onTestFinished, vi } from 'vitest';

import { Client } from '../../state/client.svelte';
import { ScriptedServer } from '../../state/testing/scripted_server';
import { ScriptedSockets } from '../../state/testing/scripted_socket';
import { SharedBrowser, ScriptedPage } from '../../state/testing/shared_browser';
import { Tabs } from '../../state/tabs';
import Screen from './Screen.svelte';
import { ScriptedEngine } from './scripted_engine';

// Parts of the page are loaded when they are wanted, which takes a while on a busy machine.
configure({ asyncUtilTimeout: 5_000 });

/** What a call is answered with: a body, nothing (204), or a problem. */
export type Answer = unknown;

/** The server's way to refuse a call. */
export class Refusal {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors: { pointer: string; detail: string }[] = [],
  ) {}
}

/**
 * By "METHOD /path", what a test's server answers besides what every server does. A `*` at the end
 * of the path stands for whatever the client puts there.
 */
export type Answers = Record<string, (body: Record<string, unknown>) => Answer>;

/** A screen on the page, with everything around it that a test looks at. */
export interface OpenScreen {
  client: Client;
  server: ScriptedServer;
  sockets: ScriptedSockets;
  engine: ScriptedEngine;
  user: ReturnType<typeof userEvent.setup>;
}

/** Signs in, waits for the lists that every page shows, and puts the screen on the page. */
export async function openScreen(
  screen: Component,
  answers: Answers = {},
  prepare: (server: ScriptedServer, engine: ScriptedEngine) => void = () => {},
): Promise<OpenScreen> {
  const server = new ScriptedServer();
  const sockets = new ScriptedSockets();
  const engine = new ScriptedEngine();
  prepare(server, engine);
  const tabs = new Tabs(new SharedBrowser().meet(new ScriptedPage(true)));
  const fetch = answering(answers, server.fetch);
  const client = new Client({ fetch, openSocket: sockets.open, openEngine: engine.open, tabs });
  onTestFinished(() => client.close());
  await client.start();
  await vi.waitFor(() => {
    if (client.communities.status !== 'ready') throw new Error('no communities yet');
    if (client.channels.all().length < server.channels.length) throw new Error('no channels yet');
  });
  render(Screen, { client, screen });
  return { client, server, sockets, engine, user: userEvent.setup() };
}

function answering(answers: Answers, otherwise: typeof fetch): typeof fetch {
  return async (input, init) => {
    const { pathname } = new URL(String(input), 'http://localhost');
    const call = `${init?.method ?? 'GET'} ${pathname}`;
    const answer = answers[call] ?? answers[call.replace(/[^/]+$/, '*')];
    if (!answer) return otherwise(input, init);
    const body = init?.body ? (JSON.parse(String(init.body)) as Record<string, unknown>) : {};
    return response(await answer(body));
  };
}

function response(answer: Answer): Response {
  if (answer === null || answer === undefined) return new Response(null, { status: 204 });
  if (!(answer instanceof Refusal)) return Response.json(answer);
  const { status, code, detail, errors } = answer;
  return Response.json({ status, code, title: code, detail, errors }, { status });
}
