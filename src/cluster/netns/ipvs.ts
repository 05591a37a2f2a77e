/**
 * The virtual servers of a namespace, from /proc/net/ip_vs (ip_vs_info_seq_show) and not through ipvsadm: it may not be
 * there, and loads the kernel's module where that is not.
 */
import { canonicalAddress } from '../../events/address.ts';
import type { FoundNetns } from './find.ts';
import { readProc } from './proc.ts';
import { runIn } from './run.ts';

/** Some 100 bytes an endpoint. */
const LIMIT = 64 << 20;

/** As `ipvsadm-save -n` prints them, without what is counted; '' where there are none. */
export async function readIpvs({ path, pids }: FoundNetns): Promise<string> {
  // The kernel has none at all: then no namespace has, and none need be entered to see.
  if (readProc('/proc/net/ip_vs', 64) === undefined) return '';
  const [pid] = pids;
  const listed =
    pid === undefined
      ? await runIn(path, 'cat', ['/proc/net/ip_vs'], { maxBytes: LIMIT })
      : readProc(`/proc/${pid}/net/ip_vs`, LIMIT);
  return ipvsSave(listed ?? '');
}

const PROTOCOLS: Readonly<Record<string, string>> = { TCP: '-t', UDP: '-u', SCTP: '--sctp-service' };
const METHODS: Readonly<Record<string, string>> = { Masq: '-m', Local: '-m', Tunnel: '-i', Route: '-g' };

/** `TCP  0A03F198:0050 rr persistent 2700000 FFFFFFFF`, and below it `  -> 0A000202:1F90      Masq    1      0          0`. */
export function ipvsSave(listed: string): string {
  const lines: string[] = [];
  let service = '';
  let unfinished: string | undefined;
  for (const line of listed.split('\n')) {
    const [first = '', ...words] = line.trim().split(/\s+/);
    if (first === '->') {
      const [place = '', method = '', weight = ''] = words;
      const real = addressOf(place);
      const how = METHODS[method];
      if (service === '' || real === undefined || how === undefined || !/^\d+$/.test(weight)) continue;
      // Of a mark only the real servers tell the family.
      if (unfinished !== undefined) lines.push(`${unfinished}${real.startsWith('[') ? ' -6' : ''}`);
      unfinished = undefined;
      lines.push(`-a ${service} -r ${real} ${how} -w ${weight}`);
      continue;
    }
    if (unfinished !== undefined) lines.push(unfinished);
    unfinished = undefined;
    service = serviceOf(first, words[0] ?? '') ?? '';
    if (service === '') continue;
    const server = `-A ${service}${optionsOf(words.slice(1))}`;
    if (first === 'FWM') unfinished = server;
    else lines.push(server);
  }
  if (unfinished !== undefined) lines.push(unfinished);
  return lines.map((line) => `${line}\n`).join('');
}

function serviceOf(kind: string, place: string): string | undefined {
  if (kind === 'FWM') return /^[\dA-F]{8}$/.test(place) ? `-f ${String(parseInt(place, 16))}` : undefined;
  const option = PROTOCOLS[kind];
  const address = addressOf(place);
  return option === undefined || address === undefined ? undefined : `${option} ${address}`;
}

/** Scheduler, one-packet scheduling, persistence: for how long is told in jiffies, and not how many make a second. */
function optionsOf([scheduler = '', ...flags]: readonly string[]): string {
  if (!/^[\w-]+$/.test(scheduler)) return '';
  const once = flags.includes('ops') ? ' -o' : '';
  const sticky = flags.includes('persistent') ? ' -p' : '';
  return ` -s ${scheduler}${sticky}${once}`;
}

/** `0A000202:1F90`, `[fd00:0000:…:0001]:1F90`. */
function addressOf(text: string): string | undefined {
  const [, six, four = '', hexPort = ''] = /^(?:\[([\da-f:]+)\]|([\dA-F]{8})):([\dA-F]{4})$/.exec(text) ?? [];
  const port = String(parseInt(hexPort, 16));
  if (six !== undefined) {
    const address = canonicalAddress(six);
    return address === undefined ? undefined : `[${address}]:${port}`;
  }
  const bytes = four.match(/../g)?.map((byte) => parseInt(byte, 16));
  return bytes && `${bytes.join('.')}:${port}`;
}
