/** Containers on the network that the cluster's nodes share. */
import { run } from '../lab/run.ts';

/** kind makes it, of both families. */
const NETWORK = 'kind';

export interface Addresses {
  readonly ip: string;
  readonly ip6: string;
}

export async function addressesOf(container: string): Promise<Addresses> {
  const network = `(index .NetworkSettings.Networks "${NETWORK}")`;
  const format = `{{ ${network}.IPAddress }} {{ ${network}.GlobalIPv6Address }}`;
  const [ip = '', ip6 = ''] = (await run('docker', ['inspect', '--format', format, container])).split(' ');
  return { ip, ip6 };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  /** What of `docker run` it takes besides. */
  readonly options?: readonly string[];
  /** The image's own where it is left out. */
  readonly command?: readonly string[];
}

export async function start({ name, image, options = [], command = [] }: Container): Promise<void> {
  const named = ['--detach', '--name', name, '--network', NETWORK];
  await run('docker', ['run', ...named, ...options, image, ...command]);
}

/** As root, whoever the container's own user is. */
export const runIn = (container: string, command: readonly string[], input = ''): Promise<string> =>
  run('docker', ['exec', '--interactive', '--user', '0', container, ...command], { input });

/** Those that are not there are not missed. */
export async function remove(containers: readonly string[]): Promise<void> {
  await run('docker', ['rm', '--force', ...containers]);
}
