/** How smoothly a page is drawn, by the browser's own clocks. */
import type { Page } from '@playwright/test';

/** What was recorded in a page, in milliseconds. */
interface Recording {
  /** The pauses from each frame to the next. */
  gaps: number[];
  /** How long each task took that kept the page busy for 50 ms or more. */
  longTasks: number[];
}

interface Recorder {
  recorder: { stop: () => Recording };
}

/** How smoothly a page was drawn. */
export interface Smoothness {
  seconds: number;
  frames: number;
  /** Pauses between frames: half, 95 and 99 of 100 are at most so long, and none is longer. */
  gap_ms: { p50: number; p95: number; p99: number; max: number };
  /** How many pauses were longer than so many milliseconds. */
  gaps_over_50_ms: number;
  gaps_over_100_ms: number;
  long_tasks: number;
  long_tasks_total_ms: number;
  longest_task_ms: number;
}

/** What a page takes. */
export interface Weight {
  heap_mb: number;
  elements: number;
  messages: number;
}

export async function startRecording(page: Page): Promise<void> {
  await page.evaluate(() => {
    const recording: Recording = { gaps: [], longTasks: [] };
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) recording.longTasks.push(duration);
    });
    observer.observe({ type: 'longtask' });
    let before = performance.now();
    let frame = requestAnimationFrame(function next(now) {
      recording.gaps.push(now - before);
      before = now;
      frame = requestAnimationFrame(next);
    });
    const stop = () => {
      cancelAnimationFrame(frame);
      for (const { duration } of observer.takeRecords()) recording.longTasks.push(duration);
      observer.disconnect();
      return recording;
    };
    Object.assign(window, { recorder: { stop } });
  });
}

export async function stopRecording(page: Page): Promise<Smoothness> {
  const { gaps, longTasks } = await page.evaluate(() =>
    (window as unknown as Recorder).recorder.stop(),
  );
  // The first one began when the recording was asked for, not with a frame.
  const sorted = gaps.slice(1).sort((a, b) => a - b);
  const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0);
  return {
    seconds: rounded(total(gaps) / 1000),
    frames: sorted.length,
    gap_ms: {
      p50: percentile(sorted, 0.5),
      p95: percentile(sorted, 0.95),
      p99: percentile(sorted, 0.99),
      max: percentile(sorted, 1),
    },
    gaps_over_50_ms: sorted.filter((gap) => gap > 50).length,
    gaps_over_100_ms: sorted.filter((gap) => gap > 100).length,
    long_tasks: longTasks.length,
    long_tasks_total_ms: rounded(total(longTasks)),
    longest_task_ms: rounded(Math.max(0, ...longTasks)),
  };
}

/** What a page takes once nothing in it is garbage. */
export async function weigh(page: Page): Promise<Weight> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  const heap = metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? 0;
  await session.detach();
  const count = (selector: string) => page.locator(selector).count();
  return {
    heap_mb: rounded(heap / 1e6),
    elements: await count('*'),
    messages: await count('article'),
  };
}

export function percentile(sorted: readonly number[], share: number): number {
  const index = Math.min(sorted.length - 1, Math.floor(sorted.length * share));
  return rounded(sorted[index] ?? 0);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
