/**
 * Runs in a guest: traces the lab as the live tests do and leaves what came of it in /mnt/out/NAME, of every ROUND.
 *
 *   traced-lab ROUND... [-- FLAG...]
 *
 * - `iptables`, `nftables`: every scenario, with kube-proxy in that mode.
 * - `ipvs`: what the nodes' virtual servers serve, kube-proxy in IPVS mode.
 * - `conntrack`: what conntrack itself turns away.
 * - `part-a`, `part-b`: that part of a lab over two machines. It says `ready` on the terminal when all is attached, and
 *   waits for a line; part a then runs what crosses nodes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { turnToIpvs } from '../../scripts/lab/ipvs.ts';
import type { Part } from '../../scripts/lab/parts.ts';
import { scenarios } from '../../scripts/lab/scenarios.ts';
import { WIRE_DEVICE } from '../../scripts/vm/wire.ts';
import { traceLab, type TracedLab } from '../live/trace-lab.ts';
import {
  acrossNodes,
  byConntrack,
  isRound,
  PREFIX,
  READY,
  RECORDING,
  throughVirtualServers,
  TRACED,
  type Round,
  type Traced,
} from './traced.ts';

/** An emulated machine is some ten times slower to say what came last. */
const SETTLED_MS = 8_000;
const TERMINAL = '/dev/ttyS1';

const separator = process.argv.indexOf('--');
const rounds = process.argv.slice(2, separator === -1 ? undefined : separator).filter(isRound);
const flags = separator === -1 ? [] : process.argv.slice(separator + 1);
const common = { flags, settleMs: SETTLED_MS };

for (const round of rounds) await leave(round, await trace(round));

function trace(round: Round): Promise<TracedLab> {
  switch (round) {
    case 'iptables':
    case 'nftables':
      return traceLab({ mode: round, prefix: PREFIX }, scenarios, common);
    case 'ipvs': {
      const standing = (): Promise<void> => turnToIpvs(PREFIX);
      return traceLab({ mode: 'iptables', prefix: PREFIX }, throughVirtualServers, { ...common, standing });
    }
    case 'conntrack':
      return traceLab({ mode: 'iptables', prefix: PREFIX }, byConntrack, common);
    case 'part-a':
      return tracePart('a');
    case 'part-b':
      return tracePart('b');
  }
}

function tracePart(part: Part): Promise<TracedLab> {
  return traceLab(
    { mode: 'iptables', prefix: PREFIX, here: { part, device: WIRE_DEVICE } },
    part === 'a' ? acrossNodes : [],
    { ...common, attached },
  );
}

/** A read of a terminal that nobody answers any more would keep Node.js from its end: another process reads. */
async function attached(): Promise<void> {
  const terminal = await open(TERMINAL);
  const reader = spawn('head', ['--lines', '1'], { stdio: [terminal.fd, 'ignore', 'inherit'] });
  const answered = once(reader, 'close');
  console.log(READY);
  await answered;
  await terminal.close();
}

async function leave(round: Round, { lab, results, ended, recording, folder }: TracedLab): Promise<void> {
  const out = join('/mnt/out', round);
  await mkdir(out);
  await cp(recording, join(out, RECORDING));
  await rm(folder, { recursive: true });
  const traced: Traced = {
    lab: { mode: lab.mode, prefix: lab.prefix },
    results: results.map(({ scenario, dials }) => ({
      scenario: scenario.id,
      dials: dials.map(({ attempts }) => attempts),
    })),
    ended,
  };
  await writeFile(join(out, TRACED), JSON.stringify(traced));
}
