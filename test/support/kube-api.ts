/**
 * Lists and watches objects as a kube-apiserver does: resourceVersions, pages, streams of changes with bookmarks, what
 * is too old, what is forbidden; and what happens to connections.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export type Plural = 'services' | 'endpointslices' | 'pods' | 'nodes' | 'ingresses';

export interface ApiObject {
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec?: object;
  status?: object;
}

const GROUPS: Readonly<Record<Plural, string>> = {
  services: '/api/v1/services',
  pods: '/api/v1/pods',
  nodes: '/api/v1/nodes',
  endpointslices: '/apis/discovery.k8s.io/v1/endpointslices',
  ingresses: '/apis/networking.k8s.io/v1/ingresses',
};
export const PLURALS = Object.keys(GROUPS) as Plural[];

interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: object;
}

interface Watch {
  readonly plural: Plural;
  readonly response: ServerResponse;
}

const fixture = (path: string): string =>
  readFileSync(new URL(`../fixtures/${path}`, import.meta.url), 'utf8');

/** The objects of the cluster that the kept rule sets were taken from. */
export function clusterObjects(): Record<Plural, ApiObject[]> {
  const items = (plural: Plural): ApiObject[] =>
    (JSON.parse(fixture(`kube-proxy/api/${plural}.json`)) as { items: ApiObject[] }).items;
  return {
    services: items('services'),
    endpointslices: items('endpointslices'),
    pods: items('pods'),
    nodes: items('nodes'),
    ingresses: [],
  };
}

export class KubeApi {
  readonly token: string;
  /** What was asked, path and query. */
  readonly asked: string[] = [];
  /** How it says that a version is too old: by its status, or by an event in the stream. */
  tooOldBy: 'status' | 'event' = 'event';
  readonly forbidden = new Set<Plural>();
  readonly absent = new Set<Plural>();
  readonly #objects = new Map<Plural, Map<string, ApiObject>>();
  readonly #log: { version: number; plural: Plural; change: Change }[] = [];
  readonly #watches = new Set<Watch>();
  readonly #sockets = new Set<Socket>();
  #version = 1_000;
  /** Changes up to this one are forgotten. */
  #compacted = 0;
  #server: Server | undefined;
  #port = 0;

  constructor(objects: Partial<Record<Plural, readonly ApiObject[]>> = {}, token = 'let-me-in') {
    this.token = token;
    for (const plural of PLURALS) {
      const items = (objects[plural] ?? []).map((object) => structuredClone(object));
      this.#objects.set(plural, new Map(items.map((object) => [keyOf(object), object])));
    }
  }

  get url(): string {
    return `https://127.0.0.1:${String(this.#port)}`;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** On the same port as before, if it was started before. */
  async start(): Promise<void> {
    const tls = { key: fixture('kube-api/server.key'), cert: fixture('kube-api/server.crt') };
    const server = createServer(tls, (request, response) => {
      this.#answer(request, response);
    });
    this.#server = server;
    // Before TLS is spoken, http does not know of them.
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Nobody can reach it, and who was connected is cut off. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#watches.clear();
    await new Promise((resolve) => {
      server.close(resolve);
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  /** With a user of this token, or of another. */
  kubeconfig(path: string, user: object = { token: this.token }): string {
    const ca = Buffer.from(fixture('kube-api/server.crt')).toString('base64');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'tests',
      contexts: [{ name: 'tests', context: { cluster: 'here', user: 'me' } }],
      clusters: [{ name: 'here', cluster: { server: this.url, 'certificate-authority-data': ca } }],
      users: [{ name: 'me', user }],
    };
    // JSON is YAML.
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  put(plural: Plural, object: ApiObject): void {
    const all = this.#all(plural);
    const key = keyOf(object);
    const versioned = this.#versioned(object);
    const type = all.has(key) ? 'MODIFIED' : 'ADDED';
    all.set(key, versioned);
    this.#tell(plural, { type, object: { kind: KINDS[plural], ...versioned } });
  }

  delete(plural: Plural, key: string): void {
    const object = this.#all(plural).get(key);
    if (object === undefined) throw new Error(`no ${plural} ${key}`);
    this.#all(plural).delete(key);
    this.#tell(plural, { type: 'DELETED', object: { kind: KINDS[plural], ...this.#versioned(object) } });
  }

  get(plural: Plural, key: string): ApiObject {
    const object = this.#all(plural).get(key);
    if (object === undefined) throw new Error(`no ${plural} ${key}`);
    return structuredClone(object);
  }

  bookmark(): void {
    const metadata = { resourceVersion: String(this.#version) };
    for (const watch of this.#watches) write(watch, { type: 'BOOKMARK', object: { metadata } });
  }

  /** Forgets all changes so far: who wants to go on from them has to begin anew. */
  compact(): void {
    this.#compacted = this.#version;
    this.#log.length = 0;
  }

  /** Cuts every stream off, in the middle of an object. */
  cut(): void {
    for (const { response } of this.#watches) {
      response.write('{"type":"MODIFIED","object":{"metadata":{"na');
      setTimeout(() => response.destroy(), 20);
    }
    this.#watches.clear();
  }

  /** Ends every stream as the API does when its time is over. */
  endWatches(): void {
    for (const { response } of this.#watches) response.end();
    this.#watches.clear();
  }

  #tell(plural: Plural, change: Change): void {
    this.#log.push({ version: this.#version, plural, change });
    for (const watch of this.#watches) if (watch.plural === plural) write(watch, change);
  }

  #versioned(object: ApiObject): ApiObject {
    this.#version++;
    const copy = structuredClone(object);
    copy.metadata.resourceVersion = String(this.#version);
    return copy;
  }

  #all(plural: Plural): Map<string, ApiObject> {
    return this.#objects.get(plural) as Map<string, ApiObject>;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    this.asked.push(url.pathname + url.search);
    if (request.headers.authorization !== `Bearer ${this.token}`) {
      refuse(response, 401, 'Unauthorized');
      return;
    }
    if (url.pathname === '/version') {
      send(response, 200, { gitVersion: 'v1.36.0' });
      return;
    }
    if (url.pathname === '/api/v1/namespaces/default/services/kubernetes') {
      const known = this.#all('services').get('default/kubernetes');
      if (this.forbidden.has('services')) refuse(response, 403, FORBIDDEN('services'));
      else if (known === undefined) refuse(response, 404, 'services "kubernetes" not found');
      else send(response, 200, known);
      return;
    }
    const plural = PLURALS.find((one) => GROUPS[one] === url.pathname);
    if (plural === undefined || this.absent.has(plural))
      refuse(response, 404, 'the server could not find it');
    else if (this.forbidden.has(plural)) refuse(response, 403, FORBIDDEN(plural));
    else if (url.searchParams.get('watch') === '1') this.#watch(plural, url.searchParams, response);
    else this.#list(plural, url.searchParams, response);
  }

  #list(plural: Plural, query: URLSearchParams, response: ServerResponse): void {
    const all = [...this.#all(plural)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    const token = query.get('continue');
    const { version, start } = token === null ? { version: this.#version, start: 0 } : decode(token);
    if (version < this.#compacted) {
      refuse(response, 410, 'The provided continue parameter is too old');
      return;
    }
    const limit = Number(query.get('limit') ?? all.length) || all.length;
    const more = start + limit < all.length;
    send(response, 200, {
      kind: `${KINDS[plural]}List`,
      metadata: {
        resourceVersion: String(version),
        ...(more && { continue: encode({ version, start: start + limit }) }),
      },
      items: all.slice(start, start + limit),
    });
  }

  #watch(plural: Plural, query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion'));
    const isTooOld = from < this.#compacted;
    if (isTooOld && this.tooOldBy === 'status') {
      refuse(response, 410, 'too old resource version');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    response.flushHeaders();
    const watch = { plural, response };
    if (isTooOld) {
      write(watch, { type: 'ERROR', object: statusOf(410, 'too old resource version') });
      response.end();
      return;
    }
    this.#watches.add(watch);
    response.on('close', () => this.#watches.delete(watch));
    for (const { version, plural: of, change } of this.#log) {
      if (of === plural && version > from) write(watch, change);
    }
  }
}

const KINDS: Readonly<Record<Plural, string>> = {
  services: 'Service',
  pods: 'Pod',
  nodes: 'Node',
  endpointslices: 'EndpointSlice',
  ingresses: 'Ingress',
};

const FORBIDDEN = (plural: Plural): string =>
  `${plural} is forbidden: User "system:serviceaccount:default:nathop" cannot list resource "${plural}"`;

const keyOf = ({ metadata: { namespace, name } }: ApiObject): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

const encode = (token: { version: number; start: number }): string =>
  Buffer.from(JSON.stringify(token)).toString('base64url');
const decode = (text: string): { version: number; start: number } =>
  JSON.parse(Buffer.from(text, 'base64url').toString()) as { version: number; start: number };

const statusOf = (code: number, message: string): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  code,
  message,
});

function refuse(response: ServerResponse, code: number, message: string): void {
  send(response, code, statusOf(code, message));
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** In two pieces, as the network may have it. */
function write({ response }: Watch, change: Change): void {
  const line = `${JSON.stringify(change)}\n`;
  const half = Math.floor(line.length / 2);
  response.write(line.slice(0, half));
  response.write(line.slice(half));
}
