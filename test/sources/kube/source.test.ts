import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Event } from '../../../src/events/event.ts';
import type { KubeEvent, KubeNameEvent, KubeObject, KubeStateEvent } from '../../../src/events/kube.ts';
import { eventSchema } from '../../../src/events/schema.ts';
import { kubeSource } from '../../../src/sources/kube/source.ts';
import type { Source } from '../../../src/sources/source.ts';
import { clusterObjects, KubeApi, PLURALS, type ApiObject } from '../../support/kube-api.ts';
import { until } from '../../support/network.ts';

const SOON_MS = 15_000;

let folder: string;
let api: KubeApi;
let source: Source | undefined;
let events: KubeNameEvent[];
let said: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nathop-kube-'));
  api = new KubeApi(clusterObjects());
  await api.start();
  events = [];
  said = [];
});

afterEach(async () => {
  await source?.stop();
  source = undefined;
  await api.stop();
  rmSync(folder, { recursive: true });
});

async function begin(kubeconfig = api.kubeconfig(join(folder, 'config'))): Promise<void> {
  let time = 0;
  const words = (text: string): void => {
    said.push(text);
  };
  source = kubeSource({
    now: () => ++time,
    kubeconfig,
    env: {},
    notes: { say: words, progress: words },
  });
  await source.start((event: Event) => {
    // What a recording would hold is what was told.
    expect(eventSchema.parse(JSON.parse(JSON.stringify(event)))).toEqual(event);
    events.push(event as KubeNameEvent);
  });
}

const states = (): KubeStateEvent[] => events.filter((event) => event.kind === 'kube-state');
const state = (wanted: KubeStateEvent['state'], words: RegExp | string = ''): Promise<KubeStateEvent> =>
  until(() => {
    const last = states().at(-1);
    return last?.state === wanted && new RegExp(words).test(last.text) ? last : undefined;
  }, SOON_MS);
const told = (): KubeEvent[] => events.filter((event) => event.kind === 'kube');
/** What is so now, by resource and name. */
function world(): Map<string, KubeObject> {
  const objects = new Map<string, KubeObject>();
  for (const event of events) {
    if (event.kind === 'kube') objects.set(event.object.uid, event.object);
    if (event.kind === 'kube-gone') objects.delete(event.uid);
  }
  return new Map([...objects.values()].map((object) => [`${object.resource} ${nameOf(object)}`, object]));
}
const nameOf = (object: KubeObject): string =>
  object.resource === 'node' ? object.name : `${object.namespace}/${object.name}`;

function pod(name: string, ip: string, uid: string): ApiObject {
  const copy = api.get('pods', 'default/toolbox-b');
  copy.metadata = { name, namespace: 'default', uid };
  return { ...copy, status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] } };
}

describe('the Kubernetes API as a source', () => {
  it('tells all objects, then that it is in step', async () => {
    await begin();
    const { cluster, unread, text } = await state('in-step');
    const services = clusterObjects().services;
    expect(cluster).toBe(services.find(({ metadata }) => metadata.name === 'kubernetes')?.metadata.uid);
    expect({ unread, text }).toEqual({ unread: [], text: '' });
    const count = Object.values(clusterObjects()).flat().length;
    expect(told()).toHaveLength(count);
    expect(events.at(-1)?.kind).toBe('kube-state');
    expect(world().get('service default/service-test-local')).toMatchObject({
      externalTrafficPolicy: 'Local',
      ports: [{ name: 'http', protocol: 'tcp', port: 80, targetPort: 8080, nodePort: 32003 }],
    });
    expect(world().get('node node-a')).toMatchObject({
      addresses: ['10.100.0.2', 'fd00:100::2'],
      podCIDRs: ['10.0.1.0/24', 'fd00:10:0:1::/64'],
    });
  });

  it('lists in pages', async () => {
    for (let i = 0; i < 1_200; i++)
      api.put('pods', pod(`many-${i}`, `10.9.${i >> 8}.${i & 255}`, `uid-${i}`));
    await begin();
    await state('in-step');
    expect([...world().keys()].filter((name) => name.startsWith('pod default/many-'))).toHaveLength(1_200);
    expect(api.asked.filter((path) => /pods.*continue=/.test(path))).toHaveLength(2);
  });

  it('begins a list again that was too old before its last page', async () => {
    for (let i = 0; i < 600; i++) api.put('pods', pod(`many-${i}`, `10.9.${i >> 8}.${i & 255}`, `uid-${i}`));
    const list = api.asked;
    const compactOnce = setInterval(() => {
      if (!list.some((path) => path.endsWith('/pods?limit=500'))) return;
      clearInterval(compactOnce);
      api.put('pods', pod('late', '10.9.9.9', 'uid-late'));
      api.compact();
    }, 0);
    await begin();
    await state('in-step');
    expect(world().get('pod default/late')).toBeDefined();
    expect([...world().keys()].filter((name) => name.startsWith('pod default/many-'))).toHaveLength(600);
  });

  it('tells what is added, changed and gone, and nothing where nothing of use has changed', async () => {
    await begin();
    await state('in-step');
    await until(() => (api.watches === PLURALS.length ? true : undefined), SOON_MS);
    const before = events.length;
    const heartbeat = api.get('nodes', 'node-a');
    heartbeat.metadata.labels = { ...heartbeat.metadata.labels, seen: 'now' };
    api.put('nodes', heartbeat);
    api.put('pods', pod('new-1', '10.0.1.200', 'uid-new'));
    await until(() => world().get('pod default/new-1'), SOON_MS);
    api.delete('pods', 'default/new-1');
    await until(() => (world().has('pod default/new-1') ? undefined : true), SOON_MS);
    expect(events.slice(before).map(({ kind }) => kind)).toEqual(['kube', 'kube-gone']);
  });

  it.each(['in the middle of an object', 'as the API does in its time'])(
    'goes on from where it was when a stream ends %s',
    async (how) => {
      await begin();
      await state('in-step');
      await until(() => (api.watches === PLURALS.length ? true : undefined), SOON_MS);
      api.bookmark();
      const lists = api.asked.filter((path) => path.includes('limit=')).length;
      if (how.startsWith('in the middle')) api.cut();
      else api.endWatches();
      api.put('pods', pod('meanwhile', '10.0.1.201', 'uid-meanwhile'));
      await until(() => world().get('pod default/meanwhile'), SOON_MS);
      expect(api.asked.filter((path) => path.includes('limit='))).toHaveLength(lists);
      // The connection broke; the API was never away.
      expect(states().map(({ state: was }) => was)).toEqual(['in-step']);
    },
  );

  it('goes on from a bookmark where the changes before it are forgotten', async () => {
    await begin();
    await state('in-step');
    await until(() => (api.watches === PLURALS.length ? true : undefined), SOON_MS);
    // Of the other resources nothing is told by this, and their last own version is too old then.
    api.put('pods', pod('before', '10.0.1.204', 'uid-before'));
    await until(() => world().get('pod default/before'), SOON_MS);
    api.bookmark();
    api.compact();
    const lists = api.asked.filter((path) => path.includes('limit=')).length;
    api.endWatches();
    await until(() => (api.watches === PLURALS.length ? true : undefined), SOON_MS);
    expect(api.asked.filter((path) => path.includes('limit='))).toHaveLength(lists);
  });

  it.each(['status', 'event'] as const)('lists anew where it is too far behind, told by %s', async (how) => {
    api.tooOldBy = how;
    await begin();
    await state('in-step');
    await until(() => (api.watches === PLURALS.length ? true : undefined), SOON_MS);
    api.cut();
    api.delete('pods', 'default/toolbox-a');
    api.put('pods', pod('after', '10.0.1.202', 'uid-after'));
    api.compact();
    await until(() => world().get('pod default/after'), SOON_MS);
    await until(() => (world().has('pod default/toolbox-a') ? undefined : true), SOON_MS);
    expect(states().map(({ state: was }) => was)).toEqual(['in-step']);
  });

  it('says when the API is away, keeps what it knew, and is in step again when it is back', async () => {
    await begin();
    await state('in-step');
    const known = world();
    await api.stop();
    const { text } = await state('away');
    expect(text).toContain(`the Kubernetes API at ${api.url} is away: connection refused`);
    expect(world()).toEqual(known);
    api.put('pods', pod('while-away', '10.0.1.203', 'uid-while-away'));
    await api.start();
    await until(() => world().get('pod default/while-away'), SOON_MS);
    await state('in-step');
  });

  it('says what RBAC does not grant, and tells the rest', async () => {
    api.forbidden.add('pods');
    await begin();
    const { unread, text } = await state('in-step');
    expect(unread).toEqual(['pod']);
    expect(text).toContain('RBAC does not grant get, list, watch of pods');
    expect(world().has('service default/service-test')).toBe(true);
  });

  it('is content with an API that has no Ingresses', async () => {
    api.absent.add('ingresses');
    await begin();
    expect(await state('in-step')).toMatchObject({ unread: ['ingress'], text: '' });
  });

  it('is told of as the server where its own Service may not be read', async () => {
    api.forbidden.add('services');
    await begin();
    expect((await state('in-step')).cluster).toBe(api.url);
  });

  it('says that its credentials are not accepted', async () => {
    await begin(api.kubeconfig(join(folder, 'config'), { token: 'of-another' }));
    expect((await state('none')).text).toMatch(/does not accept our credentials \(401\)/);
  });

  it('trusts no server whose certificate it does not know', async () => {
    const path = api.kubeconfig(join(folder, 'config'));
    const { readFileSync, writeFileSync } = await import('node:fs');
    const config = JSON.parse(readFileSync(path, 'utf8')) as { clusters: [{ cluster: object }] };
    config.clusters[0].cluster = { server: api.url };
    writeFileSync(path, JSON.stringify(config));
    await begin(path);
    expect((await state('none')).text).toMatch(/self-signed certificate/);
  });

  it('holds up neither start nor end where nobody answers', async () => {
    const path = api.kubeconfig(join(folder, 'config'));
    await api.stop();
    await begin(path);
    await state('none', 'connection refused');
    await source?.stop();
    const count = events.length;
    await api.start();
    expect(events).toHaveLength(count);
  });
});
