/**
 * `npm run demo`: nathop on a small cluster made of network namespaces. On a terminal the live view on its
 * traffic, until q; without one, a round of every scenario, printed. Where tracing is not possible, a recording
 * made on the lab.
 */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { existing } from './lab/cluster.ts';
import { startLab } from './lab/lab.ts';
import type { Lab } from './lab/lab.ts';
import { allScenarios } from './lab/scenarios.ts';
import { stopOnSignals } from './lab/stop.ts';
import { topology } from './lab/topology.ts';

const NATHOP = 'dist/nathop.js';
const RECORDING = 'test/recordings/iptables.nathop';
const PREFIX = 'nd-';
const READY_LIMIT_MS = 30_000;
/** The last packets, and the answers that come late. */
const SETTLE_MS = 1_500;

const watched = process.stdin.isTTY && process.stdout.isTTY;
const stop = stopOnSignals();

const cannot = await whyNot();
process.exitCode = cannot === undefined ? await onLab() : await onRecording(cannot);

async function whyNot(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'this is not root';
  const { exitCode } = await execa(process.execPath, [NATHOP, 'doctor'], { reject: false });
  return exitCode === 0 ? undefined : 'this machine cannot trace (`npx nathop doctor` says why)';
}

async function onRecording(reason: string): Promise<number> {
  say(`${reason}; what follows is a recording made on the lab`);
  const view = watched ? ['--live'] : [];
  const { exitCode } = await execa(process.execPath, [NATHOP, 'replay', ...view, RECORDING], {
    stdio: 'inherit',
    reject: false,
  });
  return exitCode ?? 1;
}

async function onLab(): Promise<number> {
  say('building a client, two nodes and their pods out of network namespaces');
  const lab = await startLab({ mode: 'iptables', prefix: PREFIX, signal: stop.signal });
  const folder = await mkdtemp(join(tmpdir(), 'nathop-demo-'));
  try {
    return await trace(lab, join(folder, 'ready'));
  } finally {
    await lab.down();
    await rm(folder, { recursive: true, force: true });
  }
}

async function trace(lab: Lab, ready: string): Promise<number> {
  const namespaces = await existing(topology(lab.mode), lab.prefix);
  const verb = watched ? 'live' : 'trace';
  // The lab's namespaces only: whatever else this machine does is not part of the demo.
  // And no API: the lab has none, and whatever cluster root can reach is another.
  const args = ['--no-kube', '--netns', ...namespaces, '--ready-file', ready];
  const nathop = execa(process.execPath, [NATHOP, verb, ...args], {
    stdio: 'inherit',
    reject: false,
    detached: false,
  });
  const ended = nathop.then(({ exitCode }) => {
    stop.abort();
    return exitCode ?? 1;
  });
  if (!(await isReady(ready))) return ended;
  if (watched) await lab.traffic(stop.signal);
  else {
    for (const scenario of allScenarios) {
      if (stop.signal.aborted) break;
      await lab.run(scenario, stop.signal).catch(ignoreAbort);
    }
    await sleep(SETTLE_MS);
    nathop.kill('SIGINT');
  }
  return ended;
}

async function isReady(path: string): Promise<boolean> {
  for (let waited = 0; waited < READY_LIMIT_MS && !stop.signal.aborted; waited += 50) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return true;
    await sleep(50);
  }
  return false;
}

function ignoreAbort(error: unknown): void {
  if (!stop.signal.aborted) throw error;
}

function say(text: string): void {
  process.stderr.write(`demo: ${text}\n`);
}
