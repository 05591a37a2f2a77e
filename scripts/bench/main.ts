/**
 * `npm run bench [engine|wire|view|start|loss|cost|l7…]`: the figures that the README states. Each is a median; the cost to
 * the node is measured in interleaved rounds beside what one would run instead.
 */
import { measureCost, measureHeadCost, measurePreciseCost } from './node-cost.ts';
import { measureEngine } from './engine.ts';
import { measureLoss } from './loss.ts';
import { format, percent, print, printCosts, printMachine } from './print.ts';
import { measureStart } from './start.ts';
import { measureView } from './view.ts';
import { measureWire } from './wire.ts';

const COST_ROUNDS = { rounds: 5, seconds: 4 };
const HEAD_ROUNDS = { rounds: 3, seconds: 3 };
const REQUESTS_A_CONNECTION = [1, 100];

const parts: Record<string, () => Promise<void> | void> = {
  async engine() {
    const { eventsPerSecond, correlatedPerSecond, bytesPerOpenConnection } = await measureEngine();
    print('decode and correlate', `${format(correlatedPerSecond)} events/s on one core (aim 500,000)`);
    print('… and render each finished request', `${format(eventsPerSecond)} events/s`);
    print('memory', `${format(bytesPerOpenConnection)} bytes an open connection (aim 1,500)`);
  },
  wire() {
    for (const { decoder, headsPerSecond, megabytesPerSecond } of measureWire())
      print(decoder, `${format(headsPerSecond)} heads/s of CPU time, ${megabytesPerSecond.toFixed(0)} MB/s`);
  },
  async view() {
    for (const { sort, feeding, showing, stallMs, heapMb } of await measureView()) {
      const share = `${percent(showing)} of a core (the updates alone ${percent(feeding)})`;
      const stall = `event loop held up ${stallMs.p99.toFixed(0)} ms (p99)`;
      print(
        `view by ${sort}, 10,000 kept, 5,000 updates/s`,
        `${share}, ${stall}, heap ${heapMb.toFixed(0)} MB`,
      );
    }
  },
  async start() {
    print('start to first hop', `${format(await measureStart(5))} ms (aim 2,000)`);
  },
  async loss() {
    const { whole, lossy } = await measureLoss();
    const first =
      lossy === undefined ? 'no event lost' : `first event lost at ${format(lossy)} connections/s`;
    print('loss at path', `${first}, none up to ${format(whole)} connections/s`);
  },
  async cost() {
    printCosts('connections', await measureCost(COST_ROUNDS));
  },
  async precise() {
    printCosts('connections', await measurePreciseCost());
  },
  async l7() {
    for (const requests of REQUESTS_A_CONNECTION) {
      process.stdout.write(`HTTP, ${format(requests)} a connection\n`);
      printCosts('requests', await measureHeadCost(requests, HEAD_ROUNDS));
    }
  },
};

const wanted = process.argv.slice(2);
printMachine();
for (const [name, measure] of Object.entries(parts)) {
  // What this machine's kernel cannot do is measured where it is asked for.
  if (wanted.length === 0 ? name !== 'precise' : wanted.includes(name)) await measure();
}
