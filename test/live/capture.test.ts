/** Message heads on real packets: what the kernel lets through, by either tool, and what becomes of them. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import type { CaptureEvent, HeadEvent, Message } from '../../src/events/head.ts';
import { CaptureChild } from '../../src/sources/capture/child.ts';
import { segmentOf } from '../../src/sources/capture/packet.ts';
import { capTool, tcpdumpTool } from '../../src/sources/capture/tool.ts';
import { traced } from '../support/live.ts';
import { Nathop } from '../support/nathop.ts';
import { TestNetwork, until } from '../support/network.ts';

const tracing = await traced();
const CHILD = fileURLToPath(new URL('../../dist/capture-child.js', import.meta.url));
const BUNDLE = fileURLToPath(new URL('../../dist/nathop.js', import.meta.url));
const TALK = fileURLToPath(new URL('../support/talk.py', import.meta.url));
const TOOLS = [capTool(CHILD), tcpdumpTool];

type Said = readonly ['client' | 'server', Buffer];

interface Talk {
  readonly family: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly said: readonly Said[];
}

const talk = (network: TestNetwork, short: string, { said, ...task }: Talk): Promise<string> => {
  const words = said.map(([who, bytes]) => [who, bytes.toString('hex')]);
  return network.exec(short, 'python3', [TALK], JSON.stringify({ ...task, said: words }));
};

const text = (words: string): Buffer => Buffer.from(words, 'latin1');
const REQUEST = text('GET /path?secret=1 HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n');
const RESPONSE = text('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
const PROXY_V1 = text('PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n');
const PROXY_V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c000020204d20050', 'hex');
/** A record of the type handshake with a ClientHello that names a.example. */
const HELLO = clientHello('a.example');
const QUESTION = dnsQuestion('a.example');
const PADDED = `X-Padding: ${'x'.repeat(1200)}\r\n`;

/** What must come through, and what must not, each in a packet of its own. */
const PASSES: Readonly<Record<string, readonly Buffer[]>> = {
  requests: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'].map((method) =>
    text(`${method} / HTTP/1.1\r\nHost: a.example\r\n`),
  ),
  'a response': [RESPONSE],
  'the preface of HTTP/2': [text('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  'PROXY version 1': [PROXY_V1],
  'PROXY version 2': [PROXY_V2],
  'a ClientHello': [HELLO],
  'the end of a head': [text(`${PADDED}\r\n`)],
};
const STAYS: readonly Buffer[] = [
  text('hello, world'),
  // A ServerHello; other TLS records.
  Buffer.from('160303002e0200002a', 'hex'),
  Buffer.from('1703030010aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'hex'),
  // Half a signature; lines that end no head.
  Buffer.from('0d0a0d0a0000000000000000', 'hex'),
  text('X-Header: value\r\n'),
  text('\r\n\r'),
];

tracing('the capture', () => {
  const network = new TestNetwork();
  beforeAll(() => network.add('pod'));
  afterAll(() => network.down());

  /** The payloads that were captured while something was said. */
  async function captured(
    tool: (typeof TOOLS)[number],
    talks: readonly Talk[],
    withoutLoopback = false,
  ): Promise<Buffer[]> {
    const payloads: Buffer[] = [];
    const child = new CaptureChild(
      `/run/netns/${network.name('pod')}`,
      tool,
      { withoutLoopback, busy: false },
      {
        packet: ({ linkType, data }, at) => {
          const segment = segmentOf(linkType, data, at);
          if (typeof segment === 'object' && segment.payload.length > 0) {
            expect(segment.payloadBytes).toBe(segment.payload.length);
            payloads.push(Buffer.from(segment.payload));
          }
        },
        missed: (count) => expect.fail(`${String(count)} missed`),
      },
    );
    await child.ready;
    for (const one of talks) await talk(network, 'pod', one);
    await sleep(300);
    await child.stop();
    return payloads;
  }

  const of = (payloads: readonly Buffer[]): Set<string> =>
    new Set(payloads.map((bytes) => bytes.toString('latin1')));

  describe.each(TOOLS)('by $name', (tool) => {
    it.each([4, 6] as const)('takes what begins a message in IPv%i, and nothing else', async (family) => {
      const passes = Object.values(PASSES).flat();
      const said = [...passes, ...STAYS].map((bytes) => ['client', bytes] as const);
      const payloads = await captured(tool, [{ family, protocol: 'tcp', port: 8080, said }]);
      expect(of(payloads)).toEqual(of(passes));
    });

    it.each([
      [4, 'udp', 53],
      [6, 'udp', 53],
      [4, 'tcp', 53],
      [6, 'tcp', 53],
      [4, 'udp', 1053],
      [6, 'udp', 5353],
    ] as const)('takes look-ups in IPv%i over %s, port %i', async (family, protocol, port) => {
      const said = [
        ['client', QUESTION],
        ['server', QUESTION],
      ] as const;
      const payloads = await captured(tool, [{ family, protocol, port, said }]);
      expect(of(payloads)).toEqual(of([QUESTION]));
    });

    it('leaves what stays on 127.0.0.1 and ::1 only where it is told to', async () => {
      const said = [['client', REQUEST]] as const;
      const talks = ([4, 6] as const).map((family): Talk => ({ family, protocol: 'tcp', port: 8080, said }));
      expect(await captured(tool, talks, true)).toEqual([]);
      expect(of(await captured(tool, talks, false))).toEqual(of([REQUEST]));
    });
  });
});

tracing('message heads', () => {
  const network = new TestNetwork();
  let nathop: Nathop | undefined;

  beforeAll(async () => {
    await network.add('node', 'pod');
    await network.join(['pod', 'eth0', '10.9.0.2/24'], ['node', 'veth0']);
  });
  afterAll(() => network.down());
  afterEach(() => nathop?.remove());

  function start(
    args: readonly string[] = ['--netns', network.name('pod')],
    env: Readonly<Record<string, string>> = {},
  ): Nathop {
    nathop = new Nathop((folder) => ['record', join(folder, 'a.nathop'), ...args], env);
    return nathop;
  }

  /** After what was said has come through. */
  async function end(
    running: Nathop,
  ): Promise<{ events: Event[]; stderr: string; status: number | undefined }> {
    await sleep(700);
    const { stderr, status } = await running.end();
    const lines = gunzipSync(readFileSync(join(running.folder, 'a.nathop')))
      .toString('utf8')
      .split('\n');
    const events = lines.slice(1, -1).map((line) => JSON.parse(line) as Event);
    return { events, stderr, status };
  }

  const messages = (events: readonly Event[]): Message[] =>
    events.filter((event): event is HeadEvent => event.kind === 'head').map(({ message }) => message);
  const captures = (events: readonly Event[]): CaptureEvent[] =>
    events.filter((event): event is CaptureEvent => event.kind === 'capture');

  const exchange = (family: 4 | 6): Talk => ({
    family,
    protocol: 'tcp',
    port: 8080,
    said: [
      ['client', REQUEST],
      ['server', RESPONSE],
    ],
  });

  it.each([4, 6] as const)('are events of the recording, in IPv%i', async (family) => {
    const running = start();
    await running.ready();
    await talk(network, 'pod', exchange(family));
    const { events, stderr } = await end(running);
    expect(captures(events)).toMatchObject([{ running: true, missing: [] }]);
    const ip = family === 4 ? '127.0.0.1' : '::1';
    const heads = events.filter((event) => event.kind === 'head');
    expect(new Set(heads.map(({ netns }) => netns))).toEqual(new Set([network.inum('pod')]));
    expect(new Set(heads.flatMap(({ tuple }) => [tuple.src, tuple.dst]))).toEqual(new Set([ip]));
    expect(messages(events)).toMatchObject([
      { what: 'http-request', method: 'GET', path: '/path', host: 'a.example', complete: true },
      { what: 'http-response', status: 200 },
    ]);
    expect(stderr).toContain(', 0 events lost');
    expect(stderr).not.toContain('message head');
  });

  it('in two segments are put together, and one without its end is told and counted', async () => {
    const running = start(['--netns', network.name('pod'), '--keep-query']);
    await running.ready();
    const first = `GET /long?secret=1 HTTP/1.1\r\nHost: a.example\r\n${PADDED}`;
    const said = [
      ['client', text(first)],
      ['client', text(`X-Real-IP: 192.0.2.9\r\n\r\n`)],
    ] as const;
    await talk(network, 'pod', { family: 4, protocol: 'tcp', port: 8080, said });
    const cut = [
      ['client', text(first)],
      ['client', text(PADDED)],
    ] as const;
    await talk(network, 'pod', { family: 4, protocol: 'tcp', port: 8080, said: cut });
    const { events, stderr } = await end(running);
    expect(messages(events)).toMatchObject([
      {
        path: '/long?secret=1',
        complete: true,
        carried: [{ kind: 'x-real-ip', values: ['192.0.2.9'] }],
      },
      { path: '/long?secret=1', complete: false, carried: [] },
    ]);
    expect(stderr).toMatch(/, 1 message head missed \(1 .*\), 0 events lost/);
  });

  it('are not read with --no-l7, and nothing is started for them', async () => {
    const mark = randomUUID();
    const running = start(['--netns', network.name('pod'), '--no-l7'], { NATHOP_TEST: mark });
    await running.ready();
    expect(capturing(mark)).toEqual([]);
    await talk(network, 'pod', exchange(4));
    const { events } = await end(running);
    expect(events.filter(({ kind }) => kind === 'head' || kind === 'capture')).toEqual([]);
  });

  it('stop where the capture is killed, which is told; it begins anew', async () => {
    const mark = randomUUID();
    const running = start(undefined, { NATHOP_TEST: mark });
    await running.ready();
    const [victim] = capturing(mark);
    process.kill(victim ?? 0, 'SIGKILL');
    await until(() => (capturing(mark).some((pid) => pid !== victim) ? true : undefined));
    await sleep(300);
    await talk(network, 'pod', exchange(4));
    const { events, stderr, status } = await end(running);
    expect(status).toBe(0);
    const where = `message heads in ${network.name('pod')} are not read: the capture there ended by SIGKILL`;
    expect(captures(events)).toMatchObject([
      { running: true, missing: [] },
      { running: false, missing: [where] },
      { running: true, missing: [] },
    ]);
    expect(stderr).toContain(where);
    expect(messages(events)).toHaveLength(2);
    expect(capturing(mark)).toEqual([]);
  });

  it('leave no process when nathop is killed', async () => {
    const mark = randomUUID();
    const running = start(undefined, { NATHOP_TEST: mark });
    await running.ready();
    expect(capturing(mark)).toHaveLength(1);
    running.send('SIGKILL');
    await running.ended;
    await until(() => (capturing(mark).length === 0 ? true : undefined));
  });

  it('are captured in a namespace that comes later, and keep none from going', async () => {
    const running = start([]);
    await running.ready();
    await network.add('late');
    await network.join(['late', 'eth0', '10.9.0.3/24'], ['node', 'veth1']);
    // Worthier than what else may be on this machine.
    const redirect = '-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 15006';
    await network.exec('late', 'iptables', redirect.split(' '));
    const inum = network.inum('late');
    await until(() => inhabitants(inum).find((pid) => hasPacketSocket(pid)));
    // From the socket to the filter on it is a moment.
    await sleep(500);
    await talk(network, 'late', exchange(4));
    await sleep(300);
    await network.remove('late');
    await until(() => (inhabitants(inum).length === 0 ? true : undefined));
    const { events, stderr } = await end(running);
    expect(messages(events.filter((event) => event.kind === 'head' && event.netns === inum))).toHaveLength(2);
    expect(stderr).not.toContain(network.name('late'));
  });

  it('are captured by tcpdump where cap does not load, and by nothing where neither is there', async () => {
    const hide = fileURLToPath(new URL('../support/hide-cap.cjs', import.meta.url));
    const running = start(undefined, { NODE_OPTIONS: `--require ${hide}` });
    await running.ready();
    await talk(network, 'pod', exchange(4));
    const { events } = await end(running);
    expect(messages(events)).toHaveLength(2);

    // A file that nobody may run, for this process and what it starts.
    const without = 'mount --bind /dev/null "$(command -v tcpdump)" && exec "$@"';
    const trace = [process.execPath, BUNDLE, 'trace', '--netns', network.name('pod'), '--for', '100ms'];
    const { stderr, exitCode } = await execa('unshare', ['--mount', 'sh', '-c', without, 'sh', ...trace], {
      env: { NODE_OPTIONS: `--require ${hide}` },
      reject: false,
    });
    expect(exitCode).toBe(0);
    expect(stderr).toContain(
      'no message heads: neither does cap load nor is tcpdump there (see nathop doctor)',
    );
  });
});

/** The captures that were started with a mark in their environment. */
const capturing = (mark: string): number[] =>
  processes(
    (pid) =>
      readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark) &&
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('capture-child.js\0any'),
  );

const inhabitants = (inum: number): number[] =>
  processes((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1') !== '' && netnsOf(pid) === inum);

function processes(wanted: (pid: string) => boolean): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) && wanted(name) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** /proc/PID/net/packet has a line for each packet socket of the namespace, below its headings. */
const hasPacketSocket = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${String(pid)}/net/packet`, 'utf8')
      .trim()
      .includes('\n');
  } catch {
    // It has ended since it was found.
    return false;
  }
};

const netnsOf = (pid: string): number => statSync(`/proc/${pid}/ns/net`).ino;

function clientHello(name: string): Buffer {
  const host = text(name);
  const u16 = (n: number): number[] => [n >>> 8, n & 0xff];
  const sni = [0, 0, ...u16(host.length + 5), ...u16(host.length + 3), 0, ...u16(host.length), ...host];
  const random = Array.from({ length: 32 }, () => 7);
  const body = [3, 3, ...random, 0, 0, 2, 0x13, 0x01, 1, 0, ...u16(sni.length), ...sni];
  return Buffer.from([0x16, 3, 1, ...u16(body.length + 4), 1, 0, ...u16(body.length), ...body]);
}

/** For the addresses (A) of a name; over TCP its length would stand before it, which no filter looks at. */
function dnsQuestion(name: string): Buffer {
  const labels = name.split('.').flatMap((label) => [label.length, ...text(label)]);
  return Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
}
