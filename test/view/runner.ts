/**
 * The live view on generated requests, for a real terminal: tests drive it through a pseudo-terminal.
 * Arguments: how many requests are there at the start; how many come each second.
 */
process.env['NODE_ENV'] = 'production';

const { showLive } = await import('../../src/view/show.ts');
const { ViewModel } = await import('../../src/view/model.ts');
const { nth } = await import('../fixtures/requests.ts');

const [start = '15', rate = '0', trouble = ''] = process.argv.slice(2);
const model = new ViewModel();
let next = 0;
while (next < Number(start)) model.upsert(nth(next++));
const perTick = Number(rate) / 20;
if (perTick > 0) {
  setInterval(() => {
    for (let index = 0; index < perTick; index++) model.upsert(nth(next++));
  }, 50).unref();
}
if (trouble === 'crash')
  process.on('SIGUSR2', () => {
    throw new Error('a crash for the test');
  });

let recording: { path: string } | undefined;
const ended = await showLive({
  model,
  source: {
    title: 'node-a',
    hint: 'curl http://10.100.0.2:32213/',
    status: () => ({
      probes: { set: 'tracepoint', running: true },
      missing: trouble === 'missing' ? ['hooks: this kernel is locked down, kprobes do not attach'] : [],
      eventsPerSecond: Number(rate),
      lostEvents: trouble === 'missing' ? 12 : 0,
      detail: { level: 'path', lowered: false },
      ...(recording === undefined ? {} : { recording }),
    }),
  },
  record: {
    defaultPath: () => 'nathop-20260102-030405.nathop',
    start: (path) => {
      if (path.startsWith('/proc/'))
        return Promise.reject(new Error(`${path} cannot be written: permission denied`));
      recording = { path };
      return Promise.resolve();
    },
    stop: () => {
      recording = undefined;
      return Promise.resolve('recorded 1,204 events');
    },
  },
  stdin: process.stdin,
  stdout: process.stdout,
  color: process.env['NO_COLOR'] === undefined,
});
console.log(`ended by ${ended ?? 'the user'}`);
process.exitCode = ended === undefined ? 0 : 1;
