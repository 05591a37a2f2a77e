import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { clean } from '../../events/clean.ts';
import type { LinkFact, ListenerFact } from '../../events/event.ts';
import { isNode, type NetnsFacts } from './describe.ts';
import type { FoundNetns } from './find.ts';
import { Inhabitants } from './inhabitants.ts';
import { type LinkReading, parseDefaultDevices, parseLinks } from './links.ts';
import { readNsids } from './nsids.ts';
import { run, runIn } from './run.ts';
import { readSignature } from './signature.ts';
import { hasRules, type KubeProxyMode, type RuleTables, readKubeProxyMode, readTables } from './tables.ts';

/** In how many looks a new or changed namespace is read again, changed or not: devices come one by one. */
const UNSETTLED_LOOKS = 3;
/** Looks between two visits: doubled with each. */
const VISIT_AFTER = { first: 2, last: 64 };

/** One namespace and what was read of it; `refresh` reads what may have changed, as cheaply as it can. */
export class Namespace {
  found: FoundNetns;
  /** The machine's own: nathop's or the first process's. */
  readonly own: boolean;
  links: readonly LinkReading[] = [];
  /** How it numbers the others; forgotten when its links are read again. */
  nsids?: ReadonlyMap<number, number>;
  listeners: readonly ListenerFact[] = [];
  tables: RuleTables = { nft: [], legacy4: [], legacy6: [], ipvs: false };
  kubeProxy: KubeProxyMode = 'none';
  /** The look in which it is to be visited. */
  dueAt: number;
  #pause: number;
  readonly #inhabitants = new Inhabitants();
  #signature: string | undefined;
  #unsettled: number;
  #defaultDevices: readonly string[] = [];
  #hostname: string | undefined;

  /** `look`: in which it was found; what is there in the first is settled. */
  constructor(found: FoundNetns, own: boolean, look: number) {
    this.found = found;
    this.own = own;
    this.#signature = readSignature(found.pids);
    this.#unsettled = look === 0 ? 1 : UNSETTLED_LOOKS;
    this.#pause = look === 0 ? VISIT_AFTER.last : VISIT_AFTER.first;
    this.dueAt = look + this.#pause;
  }

  get inum(): number {
    return this.found.inum;
  }

  get isNew(): boolean {
    return this.#pause < VISIT_AFTER.last;
  }

  visitedAt(look: number): void {
    this.#pause = Math.min(this.#pause * 2, VISIT_AFTER.last);
    this.dueAt = look + this.#pause;
  }

  get nodeAgent(): boolean {
    return this.#inhabitants.nodeAgent;
  }

  /** Inode numbers are used again at once: what shares neither a process nor a mount is another namespace. */
  continuesAs(now: FoundNetns): boolean {
    const pids = new Set(this.found.pids);
    return (
      now.mounts.some((mount) => this.found.mounts.includes(mount)) || now.pids.some((pid) => pids.has(pid))
    );
  }

  /** `visit`: look inside though nothing points to a change. */
  async refresh(visit: boolean): Promise<void> {
    await this.#inhabitants.update(this.found.pids);
    const signature = readSignature(this.found.pids);
    if (signature !== this.#signature) this.#unsettled = UNSETTLED_LOOKS;
    this.#signature = signature;
    const unsettled = this.#unsettled > 0;
    if (!unsettled && !visit) return;
    this.#unsettled--;
    // Without a process nothing outside shows a change of links.
    await Promise.all([
      unsettled || signature === undefined ? this.readLinks() : undefined,
      unsettled ? this.#readHostname() : undefined,
      // Where there are rules, whoever watches them reads them.
      hasRules(this.tables) ? undefined : this.readRuleTables(visit),
    ]);
    if (unsettled && isNode(this)) await this.#readDefaultDevices();
  }

  /** False where the namespace went. */
  async readRuleTables(thorough = true): Promise<boolean> {
    const tables = await readTables(this.found, thorough);
    if (!tables) return false;
    const same = JSON.stringify(tables) === JSON.stringify(this.tables);
    this.tables = tables;
    // The same tables may have got kube-proxy's chains, or lost them.
    if (!same || hasRules(tables)) this.kubeProxy = await readKubeProxyMode(this.found, tables);
    return true;
  }

  async readNsids(all: ReadonlyMap<number, FoundNetns>): Promise<void> {
    const wanted = this.links.flatMap(({ nsid }) => (nsid === undefined ? [] : [nsid]));
    this.nsids = await readNsids(this.found.path, wanted, all);
  }

  facts(links: readonly LinkFact[]): NetnsFacts {
    const { nodeName, podUids, containers, tenants } = this.#inhabitants;
    return {
      inum: this.inum,
      own: this.own,
      mountNames: this.found.mounts.map((mount) => clean(basename(mount), 255)),
      ...(this.#hostname === undefined ? {} : { hostname: this.#hostname }),
      kubeProxy: this.kubeProxy,
      nodeAgent: this.nodeAgent,
      ...(nodeName === undefined ? {} : { nodeName }),
      podUids,
      containers,
      tenants,
      links,
      defaultDevices: this.#defaultDevices,
      listeners: this.listeners,
    };
  }

  async readLinks(): Promise<void> {
    const json = await runIn(this.found.path, 'ip', ['-j', '-d', 'addr', 'show']);
    if (json === undefined) return;
    const links = parseLinks(json);
    if (JSON.stringify(links) === JSON.stringify(this.links)) return;
    this.links = links;
    delete this.nsids;
  }

  async #readDefaultDevices(): Promise<void> {
    const read = (family: '-4' | '-6'): Promise<string | undefined> =>
      runIn(this.found.path, 'ip', [family, '-j', 'route', 'show', 'default']);
    const routes = await Promise.all([read('-4'), read('-6')]);
    this.#defaultDevices = routes.flatMap((json) => parseDefaultDevices(json ?? ''));
  }

  async #readHostname(): Promise<void> {
    const pid = this.found.pids[0];
    if (pid === undefined || this.own) return;
    const path = `/proc/${pid}/ns/uts`;
    if (sameLink(path, '/proc/self/ns/uts')) return;
    const name = (await run('nsenter', [`--uts=${path}`, 'uname', '--nodename']))?.trim();
    if (name) this.#hostname = clean(name, 64);
  }
}

function sameLink(a: string, b: string): boolean {
  try {
    return readlinkSync(a) === readlinkSync(b);
  } catch {
    // The process has ended; the next look finds another.
    return true;
  }
}
