import { setImmediate } from 'node:timers/promises';
import type { TenantFact } from '../../events/event.ts';
import { NODE_AGENTS, type ProcessFacts, readProcess } from './processes.ts';

/** Ids told of one namespace. */
const LIMIT = 32;
/** Processes told of a node's namespace. */
const TENANT_LIMIT = 512;
/** A process is read in its first looks only: right after fork it still has its parent's name and group. */
const LOOKS = 2;
/** Processes read before others get a turn. */
const SLICE = 100;

interface Known {
  readonly facts: ProcessFacts;
  readonly looks: number;
}

/** The processes of one namespace, each read once or twice. */
export class Inhabitants {
  #known = new Map<number, Known>();

  async update(pids: readonly number[]): Promise<void> {
    const now = new Map<number, Known>();
    let read = 0;
    for (const pid of pids) {
      const known = this.#known.get(pid);
      if (known && known.looks >= LOOKS) {
        now.set(pid, known);
        continue;
      }
      const facts = readProcess(pid);
      if (facts) now.set(pid, { facts, looks: (known?.looks ?? 0) + 1 });
      if (++read % SLICE === 0) await setImmediate();
    }
    this.#known = now;
  }

  /** kubelet, kube-proxy or k3s; only kube-proxy may itself be a Pod's, and then only on a node's network. */
  get nodeAgent(): boolean {
    return this.#all().some(({ comm, podUid }) => NODE_AGENTS.has(comm) && podUid === undefined);
  }

  get nodeName(): string | undefined {
    return this.#all().find(({ nodeName }) => nodeName !== undefined)?.nodeName;
  }

  get podUids(): string[] {
    return distinct(this.#all().map(({ podUid }) => podUid));
  }

  /** Processes of Pods that have been there for some time: what a probe runs is gone before the next look. */
  get tenants(): TenantFact[] {
    return [...this.#known]
      .flatMap(
        ([
          pid,
          {
            facts: { podUid, container },
            looks,
          },
        ]) =>
          podUid === undefined || looks < LOOKS
            ? []
            : [{ pid, podUid, ...(container === undefined ? {} : { container }) }],
      )
      .slice(0, TENANT_LIMIT);
  }

  get containers(): string[] {
    // nathop may run in a container itself, with the namespaces it looks at made there: that one tells nothing.
    return distinct(this.#all().map(({ container }) => container)).filter((id) => id !== OURS);
  }

  #all(): ProcessFacts[] {
    return [...this.#known.values()].map(({ facts }) => facts);
  }
}

const OURS = readProcess('self')?.container;

const distinct = (values: readonly (string | undefined)[]): string[] =>
  [...new Set(values.filter((value) => value !== undefined))].slice(0, LIMIT);
