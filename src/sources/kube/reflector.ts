/** One kind of object kept in step with the API: listed in pages, then watched, and again when that breaks off. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { KubeObject, KubeResource } from '../../events/kube.ts';
import { ApiError, wordsOf, type Connection } from './connection.ts';
import { linesOf, textOf } from './lines.ts';
import { REDUCE } from './reduce.ts';
import { RESOURCES } from './resources.ts';

/** `reading`: not all is known yet; `forbidden`: RBAC lets us not; `absent`: this API has none. */
export type Standing =
  | { readonly is: 'reading' | 'in-step' | 'forbidden' | 'absent' }
  | { readonly is: 'away'; readonly why: string };

/** Objects held of all kinds together. */
export interface Room {
  left: number;
  /** Objects that there was no room for. */
  missed: number;
}

export interface ReflectorOptions {
  readonly resource: KubeResource;
  readonly connection: Connection;
  readonly room: Room;
  readonly signal: AbortSignal;
  readonly changed: (object: KubeObject) => void;
  readonly gone: (uid: string) => void;
  readonly stands: (standing: Standing) => void;
}

const PAGE = 500;
const PAGE_BYTES = 256 << 20;
/** The API ends a watch after so long; a little differently for each, so that they do not all come back at once. */
const WATCH_SECONDS = { least: 240, spread: 120 };
const PAUSE = { firstMs: 1_000, mostMs: 30_000 };
/** Somebody may grant it meanwhile. */
const UNREAD_PAUSE_MS = 60_000;
/** A watch that lasted so long was one. */
const STEADY_MS = 5_000;

const Page = z.object({
  metadata: z.object({ resourceVersion: z.string().catch(''), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullable(),
});
const Change = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.object({
    metadata: z.object({ uid: z.string().optional(), resourceVersion: z.string().optional() }).optional(),
    code: z.number().optional(),
    message: z.string().optional(),
  }),
});

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #known = new Map<string, KubeObject>();
  /** Where the next watch begins; undefined: all is to be listed. */
  #version: string | undefined;
  #failures = 0;

  constructor(options: ReflectorOptions) {
    this.#options = options;
  }

  /** Until the signal; never throws. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      const began = performance.now();
      const error: unknown = await this.#once().catch((thrown: unknown) => thrown);
      // What has gone well for a while and breaks is no repeated failure.
      if (performance.now() - began > STEADY_MS) this.#failures = 0;
      const pause = this.#pauseAfter(error);
      await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** @returns when the API has ended the watch, as it does in its time */
  async #once(): Promise<undefined> {
    this.#version ??= await this.#list();
    await this.#watch(this.#version);
    return undefined;
  }

  async #list(): Promise<string> {
    const { connection, resource, stands } = this.#options;
    const seen = new Set<string>();
    let version = '';
    for (let token: string | undefined; ;) {
      const query = { limit: String(PAGE), ...(token !== undefined && { continue: token }) };
      const body = await connection.get(RESOURCES[resource].path, query);
      const page = Page.parse(JSON.parse(await textOf(body, PAGE_BYTES)));
      for (const item of page.items ?? []) {
        const uid = this.#take(item);
        if (uid !== undefined) seen.add(uid);
      }
      version = page.metadata.resourceVersion;
      token = page.metadata.continue;
      if (token === undefined || token === '') break;
    }
    // What went while nobody watched.
    for (const uid of this.#known.keys()) if (!seen.has(uid)) this.#forget(uid);
    stands({ is: 'in-step' });
    return version;
  }

  async #watch(version: string): Promise<void> {
    const { connection, resource, stands } = this.#options;
    const seconds = WATCH_SECONDS.least + Math.floor(Math.random() * WATCH_SECONDS.spread);
    const body = await connection.get(RESOURCES[resource].path, {
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(seconds),
    });
    stands({ is: 'in-step' });
    try {
      for await (const line of linesOf(body)) this.#follow(line);
    } finally {
      body.destroy();
    }
  }

  #follow(line: string): void {
    const written: unknown = JSON.parse(line);
    const { type, object } = Change.parse(written);
    if (type === 'ERROR') throw new ApiError(object.code ?? 0, object.message ?? '');
    const { uid, resourceVersion } = object.metadata ?? {};
    if (type === 'DELETED') {
      if (uid !== undefined) this.#forget(uid);
    } else if (type !== 'BOOKMARK') this.#take((written as { object: unknown }).object);
    if (resourceVersion !== undefined) this.#version = resourceVersion;
  }

  /** @returns its uid, where it is one of ours */
  #take(item: unknown): string | undefined {
    const { resource, room, changed } = this.#options;
    const object = REDUCE[resource](item);
    if (object === undefined) return undefined;
    const known = this.#known.get(object.uid);
    if (known === undefined) {
      if (room.left === 0) {
        room.missed++;
        return undefined;
      }
      room.left--;
    } else if (saysTheSame(object, known)) return object.uid;
    this.#known.set(object.uid, object);
    changed(object);
    return object.uid;
  }

  #forget(uid: string): void {
    if (!this.#known.delete(uid)) return;
    this.#options.room.left++;
    this.#options.gone(uid);
  }

  /** What is done about what ended it, and how long it is waited for. */
  #pauseAfter(error: unknown): number {
    const { connection, stands, signal } = this.#options;
    if (signal.aborted) return 0;
    const status = error instanceof ApiError ? error.status : 0;
    if (status === 403 || status === 404) {
      stands({ is: status === 403 ? 'forbidden' : 'absent' });
      this.#version = undefined;
      return UNREAD_PAUSE_MS;
    }
    if (status === 401) connection.forgetCredential();
    this.#failures++;
    // What was watched from is forgotten: all is listed again, at once unless that does not help.
    if (status === 410) this.#version = undefined;
    // A connection breaks; the API is away when it cannot be made again.
    else if (error !== undefined && this.#failures > 1) stands({ is: 'away', why: whyAway(status, error) });
    if (this.#failures === 1) return 0;
    const pause = Math.min(PAUSE.firstMs * 2 ** (this.#failures - 2), PAUSE.mostMs);
    return pause * (0.8 + Math.random() * 0.4);
  }
}

/** Heartbeats and labels change an object and nothing of what we use. */
function saysTheSame(object: KubeObject, known: KubeObject): boolean {
  return JSON.stringify({ ...object, version: '' }) === JSON.stringify({ ...known, version: '' });
}

function whyAway(status: number, error: unknown): string {
  if (status === 401) return 'it does not accept our credentials (401)';
  if (error instanceof ApiError) return `it answers ${String(status)}: ${error.message}`;
  return wordsOf(error);
}
