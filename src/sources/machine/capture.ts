import { readFile } from 'node:fs/promises';
import { capLoads, tcpdumpThere } from '../capture/tool.ts';
import { type Check, doubtful, fine } from './check.ts';
import { effectiveCapabilities, has } from './privileges.ts';

/** include/uapi/linux/capability.h. */
const CAP_NET_RAW = 13n;

/** How message heads are captured. Without them connections are traced all the same. */
export async function checkCapture(child: string): Promise<Check> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const allowed = has(effectiveCapabilities(status), CAP_NET_RAW);
  return captureCheck(allowed, await capLoads(child), await tcpdumpThere());
}

export function captureCheck(allowed: boolean, cap: boolean, tcpdump: boolean): Check {
  const name = 'message heads';
  if (!allowed) {
    return doubtful(name, 'not read: CAP_NET_RAW is not there', 'Run as root, with CAP_NET_RAW.');
  }
  if (cap) return fine(name, 'captured by libpcap');
  return tcpdump
    ? fine(name, 'captured by tcpdump, since the npm package cap does not load')
    : doubtful(
        name,
        'not read: the npm package cap does not load, and tcpdump is not there',
        'Install tcpdump; or libpcap-dev, g++ and make, then: npm rebuild cap',
      );
}
