/** From heads to requests: which answer is whose, which leg is whose, and what became of the client's address. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import type { DnsHead, HeadEvent, Message } from '../../src/events/head.ts';
import type { Request } from '../../src/trace/request.ts';
import {
  APP,
  CLIENT,
  forwardedFor,
  get,
  INGRESS,
  Line,
  NODE,
  ok,
  OTHER,
  RESOLVER,
  standing,
  tell,
} from '../support/talk.ts';

const NGINX = { pid: 7, comm: 'nginx' };

describe('on one connection', () => {
  it('each request is one, with its own answer', () => {
    const line = new Line({ from: CLIENT, to: APP, at: 10 });
    const requests = tell(
      line.open(),
      ...[0, 1, 2].flatMap((i) => [
        line.ask(20 + i * 50, get(`/${String(i)}`)),
        line.answer(30 + i * 50, ok(200 + i)),
      ]),
      line.close(300),
    );
    expect(requests.map(({ http, state }) => [http?.path, http?.status, state])).toEqual([
      ['/0', 200, 'closed'],
      ['/1', 201, 'closed'],
      ['/2', 202, 'closed'],
    ]);
    expect(new Set(requests.map(({ id }) => id)).size).toBe(3);
    expect(requests[1]).toMatchObject({ startedAt: '1970-01-01T00:00:00.070000Z', durationMs: 10.2 });
    expect(requests[0]?.http?.firstByteMs).toBe(10.2);
  });

  it('answers come in the order of a pipeline', () => {
    const line = new Line({ from: CLIENT, to: APP, at: 10 });
    const requests = tell(
      line.open(),
      line.ask(20, get('/a')),
      line.ask(20.1, get('/b')),
      line.answer(30, ok(201)),
      line.answer(31, ok(202)),
    );
    expect(requests.map(({ http }) => [http?.path, http?.status])).toEqual([
      ['/a', 201],
      ['/b', 202],
    ]);
  });

  it('an answer that was missed is not given to another', () => {
    const line = new Line({ from: CLIENT, to: APP, at: 10 });
    const requests = tell(
      line.open(),
      line.ask(20, get('/a')),
      // Its head was not captured; its bytes were acknowledged.
      line.answer(30, ok(500)).slice(2),
      line.ask(40, get('/b')),
      line.answer(50, ok(202)),
    );
    expect(requests.map(({ http }) => [http?.path, http?.status]).sort()).toEqual([
      ['/a', undefined],
      ['/b', 202],
    ]);
  });

  it('an interim answer is none', () => {
    const line = new Line({ from: CLIENT, to: APP, at: 10 });
    const requests = tell(
      line.open(),
      line.ask(20, get('/')),
      line.answer(25, ok(100)),
      line.answer(30, ok(204)),
    );
    expect(requests.map(({ http }) => http?.status)).toEqual([204]);
  });

  it('heard halfway through a node, its destination rewritten and its source not yet, is the same', () => {
    const line = new Line({
      from: CLIENT,
      to: APP,
      at: 10,
      dials: { ip: NODE.ip, port: 32213 },
      masquerade: true,
    });
    const asked = line.ask(20, get('/a'));
    const { src, sport } = line.tuple;
    const halfway = asked.map((head) => ({
      ...head,
      netns: NODE.netns,
      tuple: { ...line.inside, src, sport },
    }));
    const requests = tell(line.open(), halfway, asked, line.answer(30, ok(200)), line.close(40));
    expect(requests.map(({ http, state }) => [http?.path, http?.status, state])).toEqual([
      ['/a', 200, 'closed'],
    ]);
  });

  it('one whose words are not seen is told as before', () => {
    const line = new Line({ from: CLIENT, to: APP, at: 10 });
    const [request, ...others] = tell(line.open(), line.close(30));
    expect(others).toEqual([]);
    expect(request).not.toHaveProperty('http');
    expect(request).not.toHaveProperty('legs');
  });
});

/** A request through the ingress: what comes in, what goes out, and their answers. */
function proxied(
  incoming: Line,
  outgoing: Line,
  at: number,
  [asked, passed]: readonly [Message, Message],
  status = 200,
): HeadEvent[][] {
  return [
    incoming.ask(at, asked),
    outgoing.ask(at + 1, passed),
    outgoing.answer(at + 5, ok(status)),
    incoming.answer(at + 6, ok(status)),
  ];
}

describe('through a proxy', () => {
  const lines = (masquerade = false): { incoming: Line; outgoing: Line } => ({
    incoming: new Line({
      from: CLIENT,
      to: INGRESS,
      at: 10,
      dials: { ip: NODE.ip, port: 32213 },
      masquerade,
    }),
    outgoing: new Line({ from: INGRESS, to: APP, at: 20.5, port: 8080, process: NGINX }),
  });

  it('both connections are one request, whose header carries the client', () => {
    const { incoming, outgoing } = lines();
    const requests = tell(
      incoming.open(),
      outgoing.open(),
      ...proxied(incoming, outgoing, 20, [get('/a/pings'), get('/ping', forwardedFor(CLIENT.ip))]),
      incoming.close(40),
      outgoing.close(41),
    );
    expect(requests).toHaveLength(1);
    const [request] = requests as [Request];
    expect(request).toMatchObject({
      client: { ip: CLIENT.ip },
      dialled: { ip: NODE.ip, port: 32213 },
      server: { ip: APP.ip, port: 8080, name: APP.name },
      sourceSeenByServer: { ip: INGRESS.ip },
      http: { method: 'GET', path: '/a/pings', status: 200, tls: false },
      clientIp: {
        verdict: 'carried',
        cause: 'proxy',
        carriers: [{ kind: 'x-forwarded-for', values: [CLIENT.ip], leg: 1, isClient: true }],
      },
      legs: [
        { http: { path: '/a/pings' } },
        { http: { path: '/ping' }, joinedBy: { evidence: 'forwarded-header' } },
      ],
      inferred: [],
    });
    expect(request.hops[request.clientIp.lostAtHop ?? -1]).toMatchObject({ kind: 'proxy', leg: 0 });
    expect(request.hops.map(({ leg, kind }) => `${String(leg)} ${kind}`)).toEqual([
      '0 device',
      '0 dnat',
      '0 device',
      '0 deliver',
      '0 proxy',
      '1 device',
      '1 device',
      '1 deliver',
    ]);
    const times = request.hops.map(({ atMs }) => atMs ?? NaN);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('a header that names who masqueraded before the proxy is not the client', () => {
    const { incoming, outgoing } = lines(true);
    const [request, ...others] = tell(
      incoming.open(),
      outgoing.open(),
      ...proxied(incoming, outgoing, 20, [get('/a/pings'), get('/ping', forwardedFor(NODE.ip))]),
    );
    expect(others).toEqual([]);
    expect(request?.clientIp).toMatchObject({
      verdict: 'forged-or-stale',
      carriers: [{ values: [NODE.ip], isClient: false }],
    });
    expect(request?.clientIp.text).toContain('rewritten before the proxy');
    expect(request?.hops[request.clientIp.lostAtHop ?? -1]).toMatchObject({ kind: 'masquerade', leg: 0 });
  });

  it('what the client itself put into the header is told from what the proxy added', () => {
    const { incoming, outgoing } = lines();
    const [request] = tell(
      incoming.open(),
      outgoing.open(),
      ...proxied(incoming, outgoing, 20, [
        get('/', forwardedFor('203.0.113.99')),
        get('/', forwardedFor('203.0.113.99', CLIENT.ip)),
      ]),
    );
    expect(request?.clientIp).toMatchObject({ verdict: 'carried' });
    expect(request?.clientIp.carriers.map(({ leg, isClient }) => [leg, isClient])).toEqual([
      [0, false],
      [1, true],
    ]);
    expect(request?.clientIp.carriers[1]?.entries).toEqual([
      { value: '203.0.113.99', from: 'client-itself' },
      { value: CLIENT.ip, from: 'proxy', addedBy: INGRESS.name },
    ]);
  });

  it('a forged header that the proxy leaves as it is, is forged', () => {
    const { incoming, outgoing } = lines();
    const forged = get('/', { ...forwardedFor('203.0.113.99'), requestId: 'r1' });
    const [request] = tell(
      incoming.open(),
      outgoing.open(),
      ...proxied(incoming, outgoing, 20, [forged, forged]),
    );
    expect(request?.clientIp.verdict).toBe('forged-or-stale');
    expect(request?.clientIp.text).toContain('it came from the client itself');
  });

  it('without a header, by the process: inferred, and lost at the proxy', () => {
    const { incoming, outgoing } = lines();
    const heard = { ...NGINX, pid: 8 };
    const delivered = {
      kind: 'socket',
      at: 10_500_000,
      netns: INGRESS.netns,
      what: 'delivered',
      tuple: incoming.inside,
      error: 0,
      process: heard,
    } as const;
    const [request, ...others] = tell(
      incoming.open(),
      [delivered],
      outgoing.open(),
      ...proxied(incoming, outgoing, 20, [get('/x'), get('/x')]),
    );
    expect(others).toEqual([]);
    expect(request).toMatchObject({
      clientIp: { verdict: 'lost', cause: 'proxy' },
      inferred: ['legs 0-1 joined by process and time only'],
    });
    expect(request?.hops.find(({ kind }) => kind === 'proxy')).toMatchObject({ observed: false });
  });

  it('two that fit equally well, by time alone, stay apart', () => {
    const { incoming, outgoing } = lines();
    const other = new Line({ from: CLIENT, to: INGRESS, at: 11 });
    const requests = tell(
      incoming.open(),
      other.open(),
      outgoing.open(),
      other.ask(19, get('/other')),
      ...proxied(incoming, outgoing, 20, [get('/x'), get('/x')]),
      other.answer(50, ok()),
    );
    expect(requests).toHaveLength(3);
    expect(requests.every(({ legs }) => legs === undefined)).toBe(true);
  });

  it('a pooled connection carries requests of different clients, each with its own', () => {
    const outgoing = new Line({ from: INGRESS, to: APP, at: 5, process: NGINX });
    const clients = [CLIENT, OTHER, RESOLVER].map((from, i) => new Line({ from, to: INGRESS, at: 10 + i }));
    const requests = tell(
      outgoing.open(),
      ...clients.flatMap((line, i) => [
        line.open(),
        ...proxied(line, outgoing, 30 + i * 20, [get('/x'), get('/x', forwardedFor(line.tuple.src))]),
      ]),
    );
    expect(requests.map(({ client, clientIp, legs }) => [client.ip, clientIp.verdict, legs?.length])).toEqual(
      clients.map(({ tuple }) => [tuple.src, 'carried', 2]),
    );
    // The connection is older than the request: its first packets tell nothing of this one's times.
    expect(requests[1]?.hops.filter(({ leg }) => leg === 1).every(({ atMs }) => atMs === undefined)).toBe(
      true,
    );
  });

  it('a PROXY header names the connection that it stands for', () => {
    const { incoming } = lines();
    const outgoing = new Line({ from: INGRESS, to: APP, at: 18, port: 8080, process: NGINX });
    const header: Message = {
      what: 'proxy-header',
      version: 2,
      command: 'proxy',
      source: { ip: incoming.tuple.src, port: incoming.tuple.sport },
      destination: { ip: incoming.tuple.dst, port: incoming.tuple.dport },
      complete: true,
    };
    const said = [
      incoming.open(),
      outgoing.open(),
      // It dials, and says for whom, before anything is asked.
      outgoing.ask(19, header, 28),
      ...proxied(incoming, outgoing, 20, [get('/x'), get('/x')]),
    ];
    const [request, ...others] = tell(...said);
    expect(others).toEqual([]);
    for (const pause of [1, 1_000]) expect(standing(pause, ...said)).toEqual(new Set([request?.id]));
    expect(request).toMatchObject({
      clientIp: {
        verdict: 'carried',
        carriers: [{ kind: 'proxy-protocol', values: [CLIENT.ip], isClient: true }],
      },
      legs: [{}, { joinedBy: { evidence: 'proxy-header' } }],
    });
  });

  it('that has the address of who asked, it is preserved', () => {
    const incoming = new Line({ from: INGRESS, to: INGRESS, at: 10, dials: { ip: '10.3.0.1', port: 80 } });
    const outgoing = new Line({ from: INGRESS, to: APP, at: 20.5, port: 8080, process: NGINX });
    const [request, ...others] = tell(
      incoming.open(),
      outgoing.open(),
      ...proxied(incoming, outgoing, 20, [get('/x', { requestId: 'r' }), get('/x', { requestId: 'r' })]),
    );
    expect(others).toEqual([]);
    expect(request).toMatchObject({
      sourceSeenByServer: { ip: INGRESS.ip },
      clientIp: { verdict: 'preserved' },
      legs: [{}, {}],
    });
  });

  it('a gateway error is told with the connection that failed', () => {
    const { incoming, outgoing } = lines();
    const [syn, crossing] = outgoing.open() as [Event, Event];
    const delivered = {
      kind: 'socket',
      at: 10_500_000,
      netns: INGRESS.netns,
      what: 'delivered',
      tuple: incoming.inside,
      error: 0,
      process: NGINX,
    } as const;
    const said = [
      incoming.open(),
      [delivered],
      incoming.ask(20, get('/down')),
      [syn, crossing, outgoing.refuse(20.8)],
      incoming.answer(22, ok(502)),
    ];
    const [request, ...others] = tell(...said);
    expect(others).toEqual([]);
    for (const pause of [1, 1_000]) expect(standing(pause, ...said)).toEqual(new Set([request?.id]));
    expect(request).toMatchObject({
      http: { status: 502 },
      server: { name: INGRESS.name },
      clientIp: { verdict: 'preserved' },
      legs: [{}, { joinedBy: { evidence: 'process' } }],
      failure: { kind: 'refused' },
    });
    expect(request?.hops[request.failure?.atHop ?? -1]).toMatchObject({ kind: 'reject', leg: 1 });
  });

  it('a PROXY header that is taken for a request is named', () => {
    const line = new Line({ from: CLIENT, to: APP, at: 10 });
    const header: Message = {
      what: 'proxy-header',
      version: 1,
      command: 'proxy',
      source: { ip: '192.0.2.1', port: 1 },
      destination: { ip: '192.0.2.2', port: 2 },
      complete: true,
    };
    const [request] = tell(
      line.open(),
      line.ask(20, header, 30),
      line.ask(20.1, get('/')),
      line.answer(21, ok(400)),
      line.close(22),
    );
    expect(request?.failure).toMatchObject({ kind: 'proxy-protocol-mismatch', reason: 'HTTP 400' });
  });

  it('TLS before the proxy: each request behind it is told with the connection that it came by', () => {
    const { incoming, outgoing } = lines();
    const hello: Message = { what: 'tls-hello', sni: 'example.com', alpn: ['http/1.1'], complete: true };
    const requests = tell(
      incoming.open(),
      incoming.ask(15, hello, 300),
      outgoing.open(),
      outgoing.ask(21, get('/1', forwardedFor(CLIENT.ip))),
      outgoing.answer(25, ok()),
      outgoing.ask(31, get('/2', forwardedFor(CLIENT.ip))),
      outgoing.answer(35, ok(404)),
      incoming.close(60),
    );
    expect(
      requests.map(({ http, clientIp, legs }) => [
        http?.path,
        http?.tls,
        http?.sni,
        clientIp.verdict,
        legs?.length,
      ]),
    ).toEqual([
      ['/1', true, 'example.com', 'carried', 2],
      ['/2', true, 'example.com', 'carried', 2],
    ]);
  });

  it('whatever the order and loss of heads: no leg of another client, and nothing twice', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.integer({ min: 0, max: 9 })), (dice) => {
        const outgoing = new Line({ from: INGRESS, to: APP, at: 5, process: NGINX });
        const clients = [CLIENT, OTHER, RESOLVER].map(
          (from, i) => new Line({ from, to: INGRESS, at: 10 + i }),
        );
        const heads = clients
          .flatMap((line, i) => [
            ...proxied(line, outgoing, 30 + i * 8, [
              get(`/${String(i)}`),
              get(`/${String(i)}`, forwardedFor(line.tuple.src)),
            ]),
          ])
          .flat()
          .filter(() => (dice.next().value as number) > 1);
        const said = [outgoing.open(), ...clients.map((line) => line.open()), heads];
        const requests = tell(...said);
        const ids = new Set(requests.map(({ id }) => id));
        expect(ids.size).toBe(requests.length);
        for (const pause of [1, 7, 1_000]) expect(standing(pause, ...said)).toEqual(ids);
        for (const { legs, http } of requests) {
          for (const leg of legs ?? []) if (leg.http !== undefined) expect(leg.http.path).toBe(http?.path);
        }
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});

describe('look-ups', () => {
  const question = (name: string, id: number): DnsHead => ({
    what: 'dns',
    id,
    response: false,
    name,
    type: 'A',
    answers: [],
    complete: true,
  });
  const found = (head: DnsHead, rcode: string, ...answers: string[]): DnsHead => ({
    ...head,
    response: true,
    rcode,
    answers,
  });
  const resolver = (): Line =>
    new Line({
      from: CLIENT,
      to: RESOLVER,
      at: 1,
      protocol: 'udp',
      dials: { ip: '10.3.240.10', port: 53 },
      port: 53,
    });

  it('are told by themselves, and with the dial that they preceded', () => {
    const [lookup, line] = [resolver(), new Line({ from: CLIENT, to: APP, at: 10 })];
    const [miss, hit] = [question('app.default.cluster.local', 1), question('app.default', 2)];
    const requests = tell(
      lookup.open(),
      lookup.ask(2, miss),
      lookup.answer(3, found(miss, 'NXDOMAIN')),
      lookup.ask(4, hit),
      lookup.answer(5, found(hit, 'NOERROR', APP.ip)),
      line.open(),
      line.ask(20, get('/')),
      line.answer(21, ok()),
    );
    expect(
      requests.map(({ dns, failure }) => [dns?.name, dns?.rcode, dns?.id !== undefined, failure?.kind]),
    ).toEqual([
      ['app.default.cluster.local', 'NXDOMAIN', false, undefined],
      ['app.default', 'NOERROR', false, undefined],
      ['app.default', 'NOERROR', true, undefined],
    ]);
    expect(requests[2]?.dns).toMatchObject({
      answers: [APP.ip],
      id: requests[1]?.id,
      resolver: { ip: '10.3.240.10' },
      server: { name: RESOLVER.name },
      tried: [{ name: 'app.default.cluster.local', rcode: 'NXDOMAIN' }],
    });
  });

  it('of no name fail at the last try alone', () => {
    const lookup = resolver();
    const tries = ['nope.default', 'nope.cluster.local', 'nope'].map(question);
    const requests = tell(
      lookup.open(),
      ...tries.flatMap((one, i) => [lookup.ask(2 + i, one), lookup.answer(2.5 + i, found(one, 'NXDOMAIN'))]),
    );
    expect(requests.map(({ failure }) => failure?.kind)).toEqual([undefined, undefined, 'dns-nxdomain']);
  });

  it('without an answer are told so, and corrected if it comes', () => {
    const lookup = resolver();
    const one = question('app', 1);
    const requests = tell(
      lookup.open(),
      lookup.ask(2, one),
      lookup.answer(7_000, found(one, 'NOERROR', APP.ip)),
    );
    expect(requests.map(({ id, state, failure }) => [id, state, failure?.kind])).toEqual([
      [requests[0]?.id, 'unanswered', 'dns-unanswered'],
      [requests[0]?.id, 'closed', undefined],
    ]);
  });
});
