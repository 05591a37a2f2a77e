/**
 * The lab as tests, the demo and benches use it: start, run scenarios, end. What a run tells is the ground
 * truth: what each client's socket met and what the server that answered saw.
 */
import { setMaxListeners } from 'node:events';
import { z } from 'zod';
import { existing, putUp, takeDown } from './cluster.ts';
import type { Blueprint, Program } from './network.ts';
import { partOf, type Part } from './parts.ts';
import { prepare } from './prepare.ts';
import { rules } from './rules.ts';
import { LabError, runIn, runPeer, type RunOptions } from './run.ts';
import type { Dial, HttpDial, Outcome, Scenario } from './scenarios/scenario.ts';
import { PODS, topology, type Identity, type Mode } from './topology.ts';
import { traffic } from './traffic.ts';

export const DEFAULT_PREFIX = 'nh-';

const endpoint = z.object({ ip: z.string(), port: z.number() });
const outcome = z.enum([
  'answered',
  'refused',
  'unreachable',
  'reset',
  'timeout',
  'failed',
  'closed',
  'unresolved',
] satisfies Outcome[]);
/** A server's word: the name that it gives itself, and the client as it saw it. */
const witness = z.object({ server: z.string(), peer: endpoint });
const query = z.object({ type: z.string(), rcode: z.string(), addresses: z.array(z.string()) });
const tried = witness.partial().extend({
  name: z.string(),
  from: endpoint,
  outcome,
  error: z.string().optional(),
  queries: z.array(query).optional(),
});
const answer = witness.partial().extend({
  status: z.number(),
  /** Each proxy's word that gives it, from the client's side on. */
  saw: z.array(witness),
  /** The client's address as the PROXY header named it to the ingress. */
  proxyProtocol: z.string().optional(),
  /** Headers of the request that tell who asked, as the server at the end got them. */
  received: z.array(z.tuple([z.string(), z.string()])).optional(),
});
const attempt = witness.partial().extend({
  /** The client's own address, as its socket knows it. For ICMP `port` is the echo identifier. */
  from: endpoint,
  outcome,
  /** Name of the errno. */
  error: z.string().optional(),
  /** DNS: what was answered, by type asked. */
  queries: z.array(query).optional(),
  lookUp: z.array(tried).optional(),
  /** To the requests that the dial says, in their order. */
  answers: z.array(answer).optional(),
});
const attempts = z.array(z.array(attempt));

export type Attempt = z.infer<typeof attempt>;
export type Answer = z.infer<typeof answer>;

export interface DialResult {
  readonly dial: Dial;
  /** All of them: before the last one, those that met another backend than the scenario wants. */
  readonly attempts: readonly Attempt[];
  readonly last: Attempt;
}

export interface RunResult {
  readonly scenario: Scenario;
  readonly dials: readonly DialResult[];
}

export interface Lab extends Identity {
  run(scenario: Scenario, signal?: AbortSignal): Promise<RunResult>;
  /** Rounds of all scenarios, gently, until the signal. */
  traffic(signal: AbortSignal, onRun?: (result: RunResult) => void): Promise<void>;
  down(): Promise<void>;
}

export interface StartOptions extends Identity {
  /** Run one after the other once all else stands. */
  readonly changes?: readonly Program[];
  /** Of a lab over two machines: what stands on this one, and the device that leads to the other. */
  readonly here?: { readonly part: Part; readonly device: string };
  readonly signal?: AbortSignal;
}

/** Builds the lab anew; what stood under the same prefix goes first. */
export async function startLab({ mode, prefix, changes = [], here, signal }: StartOptions): Promise<Lab> {
  const whole = { ...blueprint(mode), changes };
  const plan = here === undefined ? whole : partOf(whole, here.part, here.device);
  await putUp(plan, prefix, optionsOf(signal));
  return labOf({ mode, prefix });
}

/** The lab that stands, if all its namespaces do. */
export async function findLab(prefix: string): Promise<Lab | undefined> {
  const plan = topology('iptables');
  if ((await existing(plan, prefix)).length < plan.namespaces.length) return undefined;
  const tables = await runIn(`${prefix}node-a`, ['nft', 'list', 'tables']);
  return labOf({ prefix, mode: tables.includes('kube-proxy') ? 'nftables' : 'iptables' });
}

/** Takes down whatever there is of a lab. */
export const removeLab = (prefix: string): Promise<void> => takeDown(topology('iptables'), prefix);

const blueprint = (mode: Mode): Blueprint => ({ ...topology(mode), rules: rules(mode) });

function labOf(identity: Identity): Lab {
  const lab: Lab = {
    ...identity,
    run: (scenario, signal) => runScenario(identity, scenario, optionsOf(signal)),
    traffic: (signal, onRun) => traffic(lab, signal, onRun),
    down: () => removeLab(identity.prefix),
  };
  return lab;
}

function optionsOf(signal: AbortSignal | undefined): RunOptions {
  if (!signal) return {};
  setMaxListeners(0, signal); // one listener for each program under way
  return { signal };
}

async function runScenario(identity: Identity, scenario: Scenario, options: RunOptions): Promise<RunResult> {
  const undo = await prepare(identity, scenario.prepare ?? []);
  try {
    const results = attempts.parse(
      JSON.parse(await runPeer(['dial.py'], plan(identity.prefix, scenario), options)),
    );
    return { scenario, dials: scenario.dials.map((dial, index) => resultOf(dial, results[index] ?? [])) };
  } finally {
    await undo();
  }
}

function resultOf(dial: Dial, made: readonly Attempt[]): DialResult {
  const last = made.at(-1);
  if (last === undefined)
    throw new LabError(`no result for the dial from ${dial.from}`, 'This is a bug of the lab.');
  return { dial, attempts: made, last };
}

const CLIENT_NAMES = { tcp: 'http-get', udp: 'dns-query', icmp: 'ping', sctp: 'sctp-dial' } as const;

/** Of a pod in the namespace `default`. */
const RESOLV_CONF = { search: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], ndots: 5 };

/** What dial.py is told. 40 tries miss one of two backends once in 10^12. */
function plan(prefix: string, { dials, together = false, sharedPort = false }: Scenario): unknown {
  const port = sharedPort ? 20000 + Math.floor(Math.random() * 10000) : 0;
  const asksDns = dials.some(({ protocol, lookUp }) => protocol === 'udp' || lookUp !== undefined);
  return {
    together,
    resolvers: asksDns ? resolvers(prefix) : [],
    dials: dials.map((dial) => ({
      netns: prefix + dial.from,
      name: CLIENT_NAMES[dial.protocol],
      protocol: dial.protocol,
      source: { ip: dial.source?.ip ?? '', port: dial.source?.port ?? port },
      to: dial.to,
      ask: dial.ask ?? '',
      types: dial.types ?? ['A'],
      lookUp: dial.lookUp ? { ...RESOLV_CONF, name: dial.lookUp.name, resolver: dial.lookUp.resolver } : null,
      http: dial.http ? httpPlan(dial.http) : null,
      until: dial.until ?? '',
      attempts: dial.until === undefined ? 1 : 40,
      timeoutMs: dial.timeoutMs ?? 3000,
      abort: dial.abort === true,
    })),
  };
}

const resolvers = (prefix: string): unknown[] =>
  PODS.flatMap(({ name: pod, servers }) =>
    servers
      .filter((server) => 'program' in server && server.program === 'dnsmasq')
      .map(({ name }) => ({ netns: prefix + pod, name })),
  );

const httpPlan = ({ tls = '', pipelined, requests }: HttpDial): unknown => ({
  tls,
  pipelined: pipelined === true,
  requests: requests.map(({ method = 'GET', host, path, headers = {} }) => ({
    ...{ method, host, path },
    headers: Object.entries(headers),
  })),
});
