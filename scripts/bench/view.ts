/**
 * What the live view costs while 10,000 requests are kept and 5,000 updates a second come in, on a screen of
 * 200x50. In a process of its own: React decides by NODE_ENV what it is when it is loaded.
 */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

export interface ViewCost {
  readonly sort: string;
  /** Share of one core for the updates alone, without the view. */
  readonly feeding: number;
  /** Share of one core with the view on. */
  readonly showing: number;
  readonly bytesPerSecond: number;
  /** The longest time the event loop stood still, in milliseconds (99th percentile and worst). */
  readonly stallMs: { p99: number; worst: number };
  readonly heapMb: number;
}

const SECONDS = 10;
const KEPT = 10_000;
const UPDATES_PER_SECOND = 5_000;

export async function measureView(): Promise<ViewCost[]> {
  const costs: ViewCost[] = [];
  for (const sort of ['time', 'dialled']) {
    const { stdout } = await execa(
      process.execPath,
      [...process.execArgv, fileURLToPath(import.meta.url), sort],
      { env: { NODE_ENV: 'production', LANG: 'C.UTF-8' } },
    );
    costs.push(JSON.parse(stdout) as ViewCost);
  }
  return costs;
}

async function measure(sort: string): Promise<ViewCost> {
  const { monitorEventLoopDelay } = await import('node:perf_hooks');
  const { setTimeout: sleep } = await import('node:timers/promises');
  const { ViewModel } = await import('../../src/view/model.ts');
  const { showLive } = await import('../../src/view/show.ts');
  const { nth } = await import('../../test/fixtures/requests.ts');
  const { fakeTerminal } = await import('../../test/view/fake-terminal.ts');

  const model = new ViewModel(KEPT);
  const ready = Array.from({ length: KEPT * 2 }, (_, index) => nth(index));
  let next = 0;
  const feed = (): void => {
    for (let index = 0; index < UPDATES_PER_SECOND / 20; index++) {
      const request = ready[next++ % ready.length];
      if (request !== undefined) model.upsert({ ...request });
    }
  };
  while (next < KEPT) feed();
  const feeder = setInterval(feed, 50);
  const share = async (): Promise<number> => {
    const before = process.cpuUsage();
    await sleep(SECONDS * 1_000);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6 / SECONDS;
  };

  const feeding = await share();
  const terminal = fakeTerminal(200, 50, false);
  const quit = new AbortController();
  const shown = showLive({
    model,
    source: {
      title: 'bench',
      status: () => ({ missing: [], eventsPerSecond: UPDATES_PER_SECOND, lostEvents: 0 }),
    },
    stdin: terminal.stdin,
    stdout: terminal.stdout,
    signal: quit.signal,
    color: true,
  });
  if (sort === 'dialled') terminal.type('sss');
  await sleep(2_000);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const from = terminal.bytes();
  const showing = await share();
  const bytesPerSecond = Math.round((terminal.bytes() - from) / SECONDS);
  quit.abort();
  await shown;
  clearInterval(feeder);
  return {
    sort,
    feeding,
    showing,
    bytesPerSecond,
    stallMs: { p99: delay.percentile(99) / 1e6, worst: delay.max / 1e6 },
    heapMb: Math.round(process.memoryUsage().heapUsed / 2 ** 20),
  };
}

const [asked] = process.argv.slice(2);
if (process.argv[1] === fileURLToPath(import.meta.url) && asked !== undefined) {
  console.log(JSON.stringify(await measure(asked)));
}
