/** The Kubernetes API as a source of names. Whatever becomes of it, tracing goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '../../events/event.ts';
import { UsageError } from '../../events/errors.ts';
import type { KubeResource } from '../../events/kube.ts';
import type { Source } from '../source.ts';
import type { Connection } from './connection.ts';
import type { Access } from './kubeconfig.ts';
import type { Standing } from './reflector.ts';
import { ALL, missingRights } from './resources.ts';

export interface KubeOptions {
  /** The monotonic clock that all events of this machine carry, in nanoseconds. */
  readonly now: () => number;
  /** What --kubeconfig names. */
  readonly kubeconfig: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly notes: {
    /** Told in one line what is done that the reader must know of. */
    readonly say: (text: string) => void;
    /** Told in one line what those may want to know who watch. */
    readonly progress: (text: string) => void;
  };
}

/** How long the start waits for names that are on their way: about as long as probes take to attach. */
const PATIENCE_MS = 1_000;
/** What is under way is cut off; this is for what cannot be. */
const PARTING_MS = 500;
/** Objects held, some 2.5 KB each with all that they are found by. */
const ROOM = 100_000;
const PAUSE = { firstMs: 1_000, mostMs: 30_000 };

export function kubeSource(options: KubeOptions): Source {
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  return {
    done: new Promise(() => undefined),
    async start(emit) {
      const reader = new Reader(options, emit, stopping.signal);
      const access = await reader.find();
      if (access === undefined) return;
      running = reader.read(access);
      await Promise.race([reader.first, sleep(PATIENCE_MS, undefined, { ref: false })]);
    },
    async stop() {
      stopping.abort();
      await Promise.race([running, sleep(PARTING_MS, undefined, { ref: false })]);
    },
  };
}

class Reader {
  /** Settles when all that may be read is known, or it is clear that it will not be soon. */
  readonly first: Promise<void>;
  readonly #options: KubeOptions;
  readonly #emit: (event: Event) => void;
  readonly #signal: AbortSignal;
  readonly #standings = new Map<KubeResource, Standing>();
  readonly #room = { left: ROOM, missed: 0 };
  #cluster: string | undefined;
  #server = '';
  #said = '';
  #settle: () => void = () => undefined;

  constructor(options: KubeOptions, emit: (event: Event) => void, signal: AbortSignal) {
    this.#options = options;
    this.#emit = emit;
    this.#signal = signal;
    this.first = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** @throws UsageError where what --kubeconfig names cannot be used */
  async find(): Promise<Access | undefined> {
    const { kubeconfig, env, notes } = this.#options;
    const { findAccess, AccessError } = await import('./kubeconfig.ts');
    try {
      const access = await findAccess({ named: kubeconfig, env });
      if (access === undefined) notes.progress(NO_KUBECONFIG);
      else if (access.user.exec !== undefined) {
        notes.say(
          `credentials for the Kubernetes API come from ${access.user.exec.command}, as ${access.from} says`,
        );
      }
      return access;
    } catch (error) {
      if (!(error instanceof AccessError)) throw error;
      if (kubeconfig !== undefined) throw new UsageError(error.message, error.mend);
      this.#tell('none', [], `no names from the Kubernetes API: ${error.message}`);
      return undefined;
    }
  }

  /** Until the signal. */
  async read(access: Access): Promise<void> {
    this.#server = access.cluster.server;
    const [{ Connection: Made }, { Reflector }] = await Promise.all([
      import('./connection.ts'),
      import('./reflector.ts'),
    ]);
    if (this.#isStopped()) return;
    const connection = new Made(access, this.#signal);
    const cluster = await this.#reach(connection);
    if (cluster === undefined) return;
    this.#cluster = cluster;
    const { now } = this.#options;
    for (const resource of ALL) this.#standings.set(resource, { is: 'reading' });
    const reflectors = ALL.map(
      (resource) =>
        new Reflector({
          resource,
          connection,
          room: this.#room,
          signal: this.#signal,
          changed: (object) => {
            this.#emit({ kind: 'kube', at: now(), cluster, object });
          },
          gone: (uid) => {
            this.#emit({ kind: 'kube-gone', at: now(), cluster, resource, uid });
          },
          stands: (standing) => {
            this.#standings.set(resource, standing);
            this.#sumUp();
          },
        }),
    );
    await Promise.all(reflectors.map((reflector) => reflector.run()));
  }

  /** Which cluster it is. The same for whoever asks it, by whatever name it is reached. */
  async #reach(connection: Connection): Promise<string | undefined> {
    const { ApiError, wordsOf } = await import('./connection.ts');
    const { textOf } = await import('./lines.ts');
    for (let failures = 0; !this.#isStopped(); failures++) {
      try {
        const body = await connection.get('/api/v1/namespaces/default/services/kubernetes', {});
        return uidIn(await textOf(body, 1 << 20)) ?? this.#server;
      } catch (error) {
        if (this.#isStopped()) return undefined;
        const status = error instanceof ApiError ? error.status : 0;
        // Whoever may not read this may still read other things.
        if (status === 403 || status === 404) return this.#server;
        if (status === 401) connection.forgetCredential();
        const why = status === 401 ? 'it does not accept our credentials (401)' : wordsOf(error);
        this.#tell('none', [], `the Kubernetes API at ${this.#server} was not reached: ${why}`);
        const pause = Math.min(PAUSE.firstMs * 2 ** failures, PAUSE.mostMs);
        await sleep(pause, undefined, { signal: this.#signal, ref: false }).catch(() => undefined);
      }
    }
    return undefined;
  }

  #isStopped(): boolean {
    return this.#signal.aborted;
  }

  #sumUp(): void {
    const standings = [...this.#standings];
    const unread = standings.flatMap(([resource, { is }]) =>
      is === 'forbidden' || is === 'absent' ? [resource] : [],
    );
    const lacks = missingRights(
      standings.flatMap(([resource, { is }]) => (is === 'forbidden' ? [resource] : [])),
    );
    const away = standings.map(([, standing]) => standing).find(({ is }) => is === 'away');
    if (away?.is === 'away') {
      this.#tell(
        'away',
        unread,
        `the Kubernetes API at ${this.#server} is away: ${away.why}; names are as it last told them`,
      );
    } else if (unread.length === ALL.length) {
      const why = lacks ?? 'it has none of what is asked for';
      this.#tell('none', unread, `no names from the Kubernetes API at ${this.#server}: ${why}`);
    } else if (!standings.some(([, { is }]) => is === 'reading')) {
      const { missed } = this.#room;
      const tooMany =
        missed > 0 ? `${String(missed)} objects beyond ${String(ROOM)} are not known` : undefined;
      const text = [lacks, tooMany].filter((words) => words !== undefined).join('; ');
      this.#tell('in-step', unread, text && `not all names from the Kubernetes API: ${text}`);
    }
  }

  #tell(state: 'in-step' | 'away' | 'none', unread: readonly KubeResource[], text: string): void {
    this.#settle();
    const said = `${state} ${text}`;
    if (said === this.#said) return;
    this.#said = said;
    const cluster = this.#cluster;
    const at = this.#options.now();
    this.#emit({ kind: 'kube-state', at, ...(cluster !== undefined && { cluster }), state, unread, text });
  }
}

const NO_KUBECONFIG = 'no names from the Kubernetes API: no kubeconfig was found (give --kubeconfig FILE)';

function uidIn(text: string): string | undefined {
  try {
    const object = JSON.parse(text) as { metadata?: { uid?: unknown } };
    return typeof object.metadata?.uid === 'string' ? object.metadata.uid : undefined;
  } catch {
    return undefined;
  }
}
