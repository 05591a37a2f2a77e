/** The work that engine.ts measures; prints its figures as JSON. */
import { ClusterKnowledge } from '../../src/cluster/knowledge.ts';
import { Decoder } from '../../src/sources/bpftrace/decode.ts';
import { Engine } from '../../src/trace/engine.ts';
import { ReorderWindow } from '../../src/trace/reorder.ts';
import type { EngineFigures } from './engine.ts';
import { connectionLines } from './lines.ts';

const CHUNK = 65_536;
/** Everything is open at once for the memory figure. */
const OPEN = 100_000;

/** Of the speed figures: four lines each while they are open, six when closed. */
const CONNECTIONS = 100_000;

process.stdout.write(JSON.stringify(measure()));

function measure(): EngineFigures {
  const open = chunks(CONNECTIONS, true);
  const closed = chunks(CONNECTIONS, false);
  run(chunks(20_000, false)); // warm
  return {
    correlatedPerSecond: speed(open),
    eventsPerSecond: speed(closed),
    bytesPerOpenConnection: memory(),
  };
}

/** Events a second of CPU time, the garbage collector's threads included; the best of three. */
function speed(bytes: readonly Buffer[]): number {
  const speeds = [1, 2, 3].map(() => {
    const started = process.cpuUsage();
    const { events } = run(bytes);
    const { user, system } = process.cpuUsage(started);
    return events / ((user + system) / 1e6);
  });
  return Math.round(Math.max(...speeds));
}

function memory(): number {
  const bytes = chunks(OPEN, true);
  const before = used();
  const { engine } = run(bytes);
  const after = used();
  if (engine.stats.open !== OPEN)
    throw new Error(`${String(engine.stats.open)} connections open, not ${String(OPEN)}`);
  return Math.round((after - before) / OPEN);
}

function used(): number {
  if (globalThis.gc === undefined) throw new Error('the memory figure needs node --expose-gc');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

function run(bytes: readonly Buffer[]): { engine: Engine; events: number } {
  const engine = new Engine(new ClusterKnowledge(), { maxConnections: OPEN * 2, wallOffset: 0n });
  let events = 0;
  const reorder = new ReorderWindow((event) => {
    events++;
    engine.apply(event);
  });
  const decoder = new Decoder(
    {
      traffic: (event) => {
        reorder.push(event);
      },
      meter: () => undefined,
      lost: () => undefined,
      foreign: (line) => {
        throw new Error(`not read: ${line}`);
      },
    },
    new Map(),
  );
  for (const chunk of bytes) decoder.push(chunk);
  reorder.flush();
  return { engine, events };
}

function chunks(connections: number, open: boolean): Buffer[] {
  const all: Buffer[] = [];
  let text = '';
  for (let i = 0; i < connections; i++) {
    text += connectionLines(i, open);
    if (text.length > CHUNK) {
      all.push(Buffer.from(text));
      text = '';
    }
  }
  all.push(Buffer.from(text));
  return all;
}
