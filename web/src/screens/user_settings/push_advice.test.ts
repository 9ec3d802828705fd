import { expect, test } from 'vitest';

import { adviceWhenDenied, adviceWhenUnsupported, type Surroundings } from './push_advice';

const APPLE = 'AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1';
const agents = {
  iphone: `Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) ${APPLE} Mobile/15E148 Safari/604.1`,
  mac: `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${APPLE} Safari/605.1.15`,
  chrome:
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36',
  android:
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36',
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
};

function at(agent: keyof typeof agents, more: Partial<Surroundings> = {}): Surroundings {
  const rest = { maxTouchPoints: 0, isSecureContext: true, standalone: false };
  return { userAgent: agents[agent], ...rest, ...more };
}

test('a page that came by http is told that https is missing, whatever the browser', () => {
  expect(adviceWhenUnsupported(at('chrome', { isSecureContext: false }))).toContain('https');
  expect(adviceWhenUnsupported(at('iphone', { isSecureContext: false }))).toContain('https');
});

test('on iPhone and iPad the way leads over the home screen, once', () => {
  expect(adviceWhenUnsupported(at('iphone'))).toContain('Add to Home Screen');
  expect(adviceWhenUnsupported(at('mac', { maxTouchPoints: 5 }))).toContain('Add to Home Screen');
  expect(adviceWhenUnsupported(at('iphone', { standalone: true }))).not.toContain('Home Screen');
  expect(adviceWhenUnsupported(at('mac'))).not.toContain('Home Screen');
});

test('each browser keeps the permission in another place', () => {
  const places = [at('iphone'), at('android'), at('firefox'), at('chrome'), at('mac')];
  const advice = places.map(adviceWhenDenied);
  expect(new Set(advice).size).toBe(places.length);
  expect(advice.every((text) => text.includes('blocked'))).toBe(true);
});
