import { describe, expect, test, vi } from 'vitest';

import { Api, Problem } from './http';

const PROBLEM = {
  type: '/problems/invalid_body',
  title: 'The request body is not valid',
  status: 422,
  detail: '/name must not be empty',
  code: 'invalid_body',
  request_id: 'r1',
  errors: [{ pointer: '/name', detail: 'must not be empty' }],
};

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(body === undefined ? null : JSON.stringify(body), { status, headers });
}

function api(...answers: (Response | Error | DOMException)[]) {
  const request = vi.fn<typeof fetch>(async () => {
    const next = answers.shift();
    if (next === undefined) throw new Error('no answer was scripted');
    if (!(next instanceof Response)) throw next;
    return next;
  });
  return { api: new Api(request), request };
}

async function problemOf(call: Promise<unknown>): Promise<Problem> {
  const error = await call.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Problem);
  return error as Problem;
}

describe('a call', () => {
  test('fills in the path and the query, and leaves out what is absent', async () => {
    const { api: server, request } = api(answer(200, { messages: [], has_more: false }));
    await server.get('/api/channels/{channel_id}/messages', {
      path: { channel_id: 'a/b' },
      query: { before: 5, after: null, limit: 50 },
    });
    expect(request.mock.calls[0]?.[0]).toBe('/api/channels/a%2Fb/messages?before=5&limit=50');
  });

  test('declares its body as JSON', async () => {
    const { api: server, request } = api(answer(201, {}));
    await server.post('/api/communities', { body: { name: 'Ops' } });
    const init = request.mock.calls[0]?.[1];
    expect(init?.body).toBe('{"name":"Ops"}');
    expect(new Headers(init?.headers).get('Content-Type')).toBe('application/json');
  });

  test('answers nothing for a success without a body', async () => {
    const { api: server } = api(answer(204, undefined));
    expect(await server.post('/api/auth/logout')).toBeUndefined();
  });

  test('rejects with what the server says is wrong', async () => {
    const { api: server } = api(answer(422, PROBLEM));
    const problem = await problemOf(server.post('/api/communities', { body: { name: '' } }));
    expect(problem).toMatchObject({
      status: 422,
      code: 'invalid_body',
      title: 'The request body is not valid',
      detail: '/name must not be empty',
      errors: [{ pointer: '/name', detail: 'must not be empty' }],
      requestId: 'r1',
    });
  });

  test('says in words that the server cannot be reached', async () => {
    const { api: server } = api(new TypeError('Failed to fetch'));
    const problem = await problemOf(server.post('/api/auth/logout'));
    expect(problem).toMatchObject({ status: 0, code: 'network' });
    expect(problem.detail).toMatch(/Check your connection/);
  });

  test('says in words that the server took too long', async () => {
    const { api: server } = api(new DOMException('', 'TimeoutError'));
    const problem = await problemOf(server.post('/api/auth/logout'));
    expect(problem).toMatchObject({ code: 'network' });
    expect(problem.detail).toMatch(/in time/);
  });

  test('makes a problem of an answer that some proxy gave', async () => {
    const page = new Response('<h1>Bad gateway</h1>', { status: 502 });
    const { api: server } = api(page);
    const problem = await problemOf(server.post('/api/auth/logout'));
    expect(problem).toMatchObject({ status: 502, code: 'unexpected' });
  });

  test('notices that nobody is signed in, but not because a password was wrong', async () => {
    const { api: server } = api(
      answer(401, { ...PROBLEM, status: 401, code: 'bad_credentials' }),
      answer(401, { ...PROBLEM, status: 401, code: 'unauthenticated' }),
    );
    const noticed = vi.fn();
    server.onUnauthenticated = noticed;
    await problemOf(server.post('/api/auth/login', { body: { username: 'a', password: 'b' } }));
    expect(noticed).not.toHaveBeenCalled();
    await problemOf(server.get('/api/communities'));
    expect(noticed).toHaveBeenCalledOnce();
  });
});

describe('a busy server', () => {
  const busy = (retryAfter?: string) =>
    answer(
      503,
      { ...PROBLEM, status: 503, code: 'overloaded' },
      retryAfter === undefined ? {} : { 'Retry-After': retryAfter },
    );

  test('is read from again after the pause that it asks for', async () => {
    vi.useFakeTimers();
    const { api: server, request } = api(busy('2'), answer(200, []));
    const reading = server.get('/api/communities');
    await vi.advanceTimersByTimeAsync(1_900);
    expect(request).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1_200);
    expect(await reading).toEqual([]);
    vi.useRealTimers();
  });

  test('is not asked for ever', async () => {
    vi.useFakeTimers();
    const { api: server, request } = api(busy('1'), busy('1'), busy('1'), busy('1'));
    const reading = problemOf(server.get('/api/communities'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await reading).code).toBe('overloaded');
    expect(request).toHaveBeenCalledTimes(3);
    vi.useRealTimers();
  });

  test.each([
    ['says nothing of a pause', undefined],
    ['wants a long pause', '120'],
  ])('that %s is left to people', async (_, retryAfter) => {
    const { api: server, request } = api(busy(retryAfter));
    await problemOf(server.get('/api/communities'));
    expect(request).toHaveBeenCalledOnce();
  });

  test('is not written to again', async () => {
    const { api: server, request } = api(busy('1'));
    await problemOf(server.post('/api/communities', { body: { name: 'Ops' } }));
    expect(request).toHaveBeenCalledOnce();
  });
});
