/**
 * A load for benches: many TCP connections through a router that does DNAT and MASQUERADE, between three
 * namespaces of its own.
 */
import { setMaxListeners } from 'node:events';
import { z } from 'zod';
import { putUp, takeDown } from './cluster.ts';
import { address, forwarding, host, quiet, wire, type Blueprint, type Namespace } from './network.ts';
import { runPeer, type RunOptions } from './run.ts';

export interface LoadOptions {
  readonly prefix: string;
  readonly seconds: number;
  /** Connections under way at once. */
  readonly concurrency: number;
  /** HTTP/1.1 requests on each connection; absent: four bytes there and four back, which is no HTTP. */
  readonly requests?: number;
  readonly signal?: AbortSignal;
}

const report = z.object({
  connections: z.number(),
  requests: z.number(),
  failed: z.number(),
  seconds: z.number(),
});

export interface LoadResult extends z.infer<typeof report> {
  /** Requests answered; where a connection carries four bytes alone, that is connections. */
  readonly perSecond: number;
}

export interface LoadBench {
  /** The namespaces' full names. */
  readonly client: string;
  readonly router: string;
  readonly server: string;
  measure(options: Pick<LoadOptions, 'seconds' | 'concurrency' | 'requests'>): Promise<LoadResult>;
  down(): Promise<void>;
}

/** The three namespaces, standing, for measurements one after another. */
export async function startLoadBench({
  prefix,
  signal,
}: Pick<LoadOptions, 'prefix' | 'signal'>): Promise<LoadBench> {
  if (signal) setMaxListeners(0, signal); // one listener for each program under way
  const options: RunOptions = signal ? { signal } : {};
  await putUp(plan, prefix, options);
  const netns = (name: string): string => `${prefix}load-${name}`;
  try {
    await runPeer(['load.py', 'serve'], { netns: netns('server'), port: SERVER_PORT, processes: 1 }, options);
  } catch (error) {
    await removeLoad(prefix);
    throw error;
  }
  return {
    client: netns('client'),
    router: netns('router'),
    server: netns('server'),
    measure: async (load) => {
      const input = { netns: netns('client'), to: { ip: SERVICE_IP, port: 80 }, ...load };
      const result = report.parse(JSON.parse(await runPeer(['load.py', 'dial'], input, options)));
      return { ...result, perSecond: Math.round(result.requests / result.seconds) };
    },
    down: () => removeLoad(prefix),
  };
}

/** Takes down whatever there is of them. */
export const removeLoad = (prefix: string): Promise<void> => takeDown(plan, prefix);

/** One measurement, with everything built before and removed after. */
export async function measureLoad({ prefix, signal, ...how }: LoadOptions): Promise<LoadResult> {
  const bench = await startLoadBench({ prefix, ...(signal && { signal }) });
  try {
    return await bench.measure(how);
  } finally {
    await bench.down();
  }
}

const SERVICE_IP = '10.96.0.1';
const SERVER_PORT = 8080;

// Random source ports under churn meet old TIME_WAIT sockets, whose time stamps then stall the SYN for a second.
const noTimeWait = { 'net/ipv4/tcp_max_tw_buckets': '0' } as const;
const manyPorts = { 'net/ipv4/ip_local_port_range': '1024 65535' } as const;

const withSysctls = (namespace: Namespace, more: Namespace['sysctls']): Namespace => ({
  ...namespace,
  sysctls: { ...namespace.sysctls, ...more },
});

const plan: Blueprint = {
  namespaces: [
    withSysctls(host('load-client', ['10.0.1.2/24'], '10.0.1.1', undefined, []), {
      ...noTimeWait,
      ...manyPorts,
    }),
    {
      name: 'load-router',
      sysctls: { ...quiet, ...forwarding },
      setup: [
        ...['link set lo up', 'link set eth0 up', 'link set eth1 up'],
        ...address('eth0', '10.0.1.1/24'),
        ...address('eth1', '10.0.2.1/24'),
      ],
      servers: [],
    },
    withSysctls(host('load-server', ['10.0.2.2/24'], undefined, undefined, []), {
      ...noTimeWait,
      'net/core/somaxconn': '4096',
    }),
  ],
  wires: [
    wire('load-client', '10.0.1.2', 'load-router', 'eth0'),
    wire('load-server', '10.0.2.2', 'load-router', 'eth1'),
  ],
  rules: [
    {
      namespace: 'load-router',
      command: ['iptables-restore'],
      input: `*nat
-A PREROUTING -d ${SERVICE_IP}/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.2.2:${SERVER_PORT}
-A POSTROUTING -o eth1 -j MASQUERADE --random-fully
COMMIT
`,
    },
  ],
};
