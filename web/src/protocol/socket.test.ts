import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { ScriptedSockets } from '../state/testing/scripted_socket';
import type { ServerFrame } from './frames';
import { Socket, type SocketStatus } from './socket';

describe('the socket', () => {
  let server: ScriptedSockets;
  let statuses: SocketStatus[];
  let frames: ServerFrame[];
  let mayRetry: boolean;
  let socket: Socket;

  beforeEach(() => {
    vi.useFakeTimers();
    server = new ScriptedSockets();
    statuses = [];
    frames = [];
    mayRetry = true;
    socket = new Socket(server.open, {
      onStatus: (status) => statuses.push(status),
      onFrame: (frame) => frames.push(frame),
      mayRetry: async () => mayRetry,
    });
    socket.start();
  });

  afterEach(() => {
    socket.stop();
    vi.useRealTimers();
  });

  test('is online once the server has greeted', () => {
    expect(statuses).toEqual(['connecting']);
    server.last.greet();
    expect(statuses).toEqual(['connecting', 'online']);
    expect(frames.map((frame) => frame.type)).toEqual(['hello']);
  });

  test('sends nothing while there is no connection', () => {
    expect(socket.send({ type: 'ping' })).toBe(false);
    server.last.greet();
    expect(socket.send({ type: 'ping' })).toBe(true);
    server.last.end();
    expect(socket.send({ type: 'ping' })).toBe(false);
  });

  test.each([1006, 1001, 1011, 4001, 4002, 4003, 4004])('connects again after %i', (code) => {
    server.last.greet();
    server.last.end(code);
    expect(statuses.at(-1)).toBe('reconnecting');
    vi.advanceTimersByTime(1_000);
    expect(server.all).toHaveLength(2);
    server.last.greet();
    expect(statuses.at(-1)).toBe('online');
  });

  test('does not connect again when it was signed out', async () => {
    mayRetry = false;
    server.last.greet();
    server.last.end(4501);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(statuses.at(-1)).toBe('signed_out');
    expect(server.all).toHaveLength(1);
  });

  test('goes on when its session is over, and this browser has another one by now', async () => {
    server.last.greet();
    server.last.end(4501);
    expect(statuses.at(-1)).toBe('reconnecting');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(server.all).toHaveLength(2);
    server.last.greet();
    expect(statuses).not.toContain('signed_out');
    expect(statuses.at(-1)).toBe('online');
  });

  test('does not go on when the session is over, which a refused attempt does not say', async () => {
    mayRetry = false;
    server.last.end();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(statuses.at(-1)).toBe('signed_out');
    expect(server.all.length).toBeLessThanOrEqual(2);
  });

  test('tries less and less often while the server is away', async () => {
    for (let minute = 0; minute < 10; minute += 1) {
      for (let second = 0; second < 60; second += 1) {
        if (!server.last.closed) server.last.end();
        await vi.advanceTimersByTimeAsync(1_000);
      }
    }
    expect(server.all.length).toBeGreaterThan(10);
    expect(server.all.length).toBeLessThan(120);
  });

  test('comes back slowly when the server says that it asks for too much', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.9);
    server.last.greet();
    server.last.end(1008);
    vi.advanceTimersByTime(20_000);
    expect(server.all).toHaveLength(1);
    vi.advanceTimersByTime(10_000);
    expect(server.all).toHaveLength(2);
  });

  test('pauses longer when connections break right after they were made', () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    for (let breaks = 0; breaks < 5; breaks += 1) {
      server.last.greet();
      server.last.end();
      vi.advanceTimersByTime(500 * 2 ** breaks);
    }
    expect(server.all).toHaveLength(6);
    server.last.greet();
    server.last.end();
    vi.advanceTimersByTime(15_000);
    expect(server.all).toHaveLength(6);
  });

  test('asks for a sign of life after a silence, and takes an answer for one', () => {
    server.last.greet();
    vi.advanceTimersByTime(25_000);
    expect(server.last.sent('ping')).toHaveLength(1);
    server.last.say({ type: 'pong' });
    vi.advanceTimersByTime(24_000);
    expect(statuses.at(-1)).toBe('online');
    expect(server.all).toHaveLength(1);
  });

  test('takes the connection for dead when no sign of life comes', () => {
    server.last.greet();
    const dead = server.last;
    vi.advanceTimersByTime(36_000);
    expect(dead.closed).toBe(true);
    expect(server.all).toHaveLength(2);
  });

  test('gives up an attempt that the server does not greet', () => {
    const silent = server.last;
    vi.advanceTimersByTime(16_000);
    expect(silent.closed).toBe(true);
    expect(server.all.length).toBeGreaterThan(1);
  });

  test('connects at once when the network is back', async () => {
    for (let failures = 0; failures < 8; failures += 1) {
      server.last.end();
      await vi.advanceTimersByTimeAsync(30_000);
    }
    server.last.end();
    const before = server.all.length;
    dispatchEvent(new Event('online'));
    expect(server.all.length).toBe(before + 1);
  });

  test('looks whether the connection still lives when somebody returns to the page', () => {
    server.last.greet();
    document.dispatchEvent(new Event('visibilitychange'));
    expect(server.last.sent('ping')).toHaveLength(1);
  });

  test('connects at once on demand, but does not open a second connection', () => {
    server.last.greet();
    server.last.end();
    socket.retryNow();
    socket.retryNow();
    expect(server.all).toHaveLength(2);
  });

  test('hears nothing of a connection that it has left', () => {
    server.last.greet();
    const old = server.last;
    socket.stop();
    old.say({ type: 'channel_changed', channel_id: 'c' });
    vi.advanceTimersByTime(600_000);
    expect(frames.map((frame) => frame.type)).toEqual(['hello']);
    expect(server.all).toHaveLength(1);
  });

  test('can be started again after a sign-out', async () => {
    mayRetry = false;
    server.last.end(4501);
    await vi.advanceTimersByTimeAsync(0);
    socket.start();
    server.last.greet();
    expect(statuses.at(-1)).toBe('online');
  });
});
