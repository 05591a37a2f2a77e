/** One nathop over one lab: started, scenarios run, ended; and which request each dial made. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { existing } from '../../scripts/lab/cluster.ts';
import type { Attempt, Lab, RunResult, StartOptions } from '../../scripts/lab/lab.ts';
import type { Dial, Scenario } from '../../scripts/lab/scenarios/scenario.ts';
import { topology, type Identity } from '../../scripts/lab/topology.ts';
import { formatEndpoint } from '../../src/events/tuple.ts';
import type { Request } from '../../src/trace/request.ts';
import { startTestLab } from '../support/lab.ts';
import { Nathop, type Ended } from '../support/nathop.ts';

/** What nobody answers is told so after 5 s: where that is waited for, to settle takes so long. */
export const UNANSWERED_MS = 5_500;
/** What ended is told when it has settled: half a second of silence after the last dial is enough. */
const SETTLED_MS = 500;

export interface TracedLab {
  readonly lab: Identity;
  readonly results: readonly RunResult[];
  /** Every line that nathop printed. */
  readonly requests: readonly Request[];
  readonly ended: Ended;
  readonly recording: string;
  /** The caller's to remove. */
  readonly folder: string;
}

export interface TraceOptions {
  readonly flags?: readonly string[];
  readonly settleMs?: number;
  /** Awaited once the lab stands, before nathop is started. */
  readonly standing?: () => Promise<void>;
  /** Awaited once everything is attached, before the first scenario. */
  readonly attached?: () => Promise<void>;
}

/** What nathop says where the kernel did not run its probes for some packet: the machine's doing, and rare. */
const SKIPPED = 'skipped probes';
const ROUNDS = 3;

/**
 * A round in which probes were skipped is played anew: what it shows of the packet that was missed is not what is asked.
 * @param identity its lab's, and what is changed of its rules
 */
export async function traceLab(
  identity: StartOptions,
  scenarios: readonly Scenario[],
  options: TraceOptions = {},
): Promise<TracedLab> {
  for (let round = 1; ; round++) {
    const run = await traceOnce(identity, scenarios, options);
    if (round === ROUNDS || !run.ended.stderr.includes(SKIPPED)) return run;
    await rm(run.folder, { recursive: true });
  }
}

async function traceOnce(
  identity: StartOptions,
  scenarios: readonly Scenario[],
  options: TraceOptions,
): Promise<TracedLab> {
  const lab = await startTestLab(identity);
  try {
    await options.standing?.();
    return await traced(lab, scenarios, options);
  } finally {
    await lab.down();
  }
}

async function traced(
  lab: Lab,
  scenarios: readonly Scenario[],
  { flags = [], settleMs = SETTLED_MS, attached }: TraceOptions,
): Promise<TracedLab> {
  const namespaces = await existing(topology(lab.mode), lab.prefix);
  const nathop = new Nathop((folder) => [
    ...['record', join(folder, 'lab.nathop'), '-o', 'json', ...flags],
    // The machine may have traffic of its own.
    ...['--netns', namespaces.join(',')],
  ]);
  try {
    await nathop.ready();
    await attached?.();
    const results: RunResult[] = [];
    for (const scenario of scenarios) results.push(await lab.run(scenario));
    await sleep(settleMs);
    const ended = await nathop.end();
    const { folder } = nathop;
    const requests = parseRequests(ended.stdout);
    return { lab, results, requests, ended, folder, recording: join(folder, 'lab.nathop') };
  } catch (error) {
    await nathop.remove();
    throw error;
  }
}

/** Each dial's attempts with the requests they made, in the order in which they were made. */
export class Attribution {
  /** Requests that no dial made. */
  readonly left: readonly Request[];
  readonly #made = new Map<Attempt, Request | undefined>();

  constructor({ lab, results, requests }: Pick<TracedLab, 'lab' | 'results' | 'requests'>) {
    const unclaimed = [...requests].sort((a, b) => (a.startedAt ?? '').localeCompare(b.startedAt ?? ''));
    for (const { dials } of results) {
      for (const { dial, attempts } of dials) {
        for (const attempt of attempts) {
          const found = unclaimed.findIndex((request) => isOf(request, lab.prefix, dial, attempt));
          this.#made.set(attempt, found === -1 ? undefined : unclaimed.splice(found, 1)[0]);
        }
      }
    }
    this.left = unclaimed;
  }

  /** @throws where none is its */
  of(attempt: Attempt): Request {
    const request = this.#made.get(attempt);
    if (request !== undefined) return request;
    throw new Error(`no request from ${formatEndpoint(attempt.from.ip, attempt.from.port)} was told`);
  }
}

/** Of what nathop printed. */
export const parseRequests = (stdout: string): Request[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Request);

/** By the client's socket and its namespace: what nobody rewrites. */
function isOf(
  { protocol, client, dialled, hops }: Request,
  prefix: string,
  dial: Dial,
  { from }: Attempt,
): boolean {
  const [first] = hops;
  const port = protocol === 'icmp' ? first?.before?.src.split(':').at(-1) : client.port;
  return (
    protocol === dial.protocol &&
    client.ip === from.ip &&
    Number(port) === from.port &&
    dialled.ip === dial.to.ip &&
    (dialled.port ?? 0) === dial.to.port &&
    first?.netns?.name === prefix + dial.from
  );
}
