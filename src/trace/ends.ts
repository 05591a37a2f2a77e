/** Who stands at the ends of a connection, by what was known of the time when it began. */
import type { NetnsId, ProcessRef } from '../events/event.ts';
import type { Tuple } from '../events/tuple.ts';
import type { Connection } from './connection.ts';
import type { Knowledge } from './knowledge.ts';
import type { Endpoint, Request } from './request.ts';

/** Who served it, and whether it is known what it saw. */
export interface Server {
  readonly netns: NetnsId;
  readonly tuple: Tuple;
  readonly sees: boolean;
}

type Ends = Pick<Request, 'client' | 'dialled' | 'server' | 'sourceSeenByServer'>;

export function endsOf(connection: Connection, server: Server | undefined, knowledge: Knowledge): Ends {
  const { client, origin, dialler, delivery } = connection;
  const at = { connection, knowledge };
  return {
    client: endOf(at, 'client', origin, client.src, client.sport, dialler),
    dialled: endOf(at, 'dialled', origin, client.dst, client.dport),
    ...(server && {
      server: endOf(
        at,
        'server',
        server.netns,
        server.tuple.dst,
        server.tuple.dport,
        delivery?.process ?? knowledge.listener(server.netns, server.tuple),
      ),
    }),
    ...(server?.sees === true && {
      sourceSeenByServer: endOf(at, 'source', server.netns, server.tuple.src, server.tuple.sport),
    }),
  };
}

/** What is said of names that may be old. */
export function staleNames({ client, dialled, server, sourceSeenByServer }: Ends): string[] {
  const names = [client, dialled, server, sourceSeenByServer].flatMap((end) =>
    end?.stale === true && end.name !== undefined ? [end.name] : [],
  );
  if (names.length === 0) return [];
  return [`named by what the Kubernetes API said before it went away: ${[...new Set(names)].join(', ')}`];
}

interface Asked {
  readonly connection: Connection;
  readonly knowledge: Knowledge;
}

function endOf(
  { connection, knowledge }: Asked,
  role: 'client' | 'dialled' | 'server' | 'source',
  netns: NetnsId,
  ip: string,
  port: number,
  process?: ProcessRef,
): Endpoint {
  const { firstAt, protocol } = connection;
  const told = connection.names?.get(role);
  // What was told of a time that is no longer remembered stays as it was told.
  if (told?.ip === ip && (told.port ?? port) === port && !knowledge.remembers(firstAt)) return told;
  // Nobody is a Service as a source: a masqueraded port may be the number of some NodePort.
  const asked = role === 'client' || role === 'source' ? 0 : port;
  const owner = knowledge.endpoint(netns, ip, asked, protocol, firstAt);
  const found = inhabited(asked === port || protocol === 'icmp' ? owner : { ...owner, ip, port });
  if (found.name !== undefined) {
    connection.names ??= new Map();
    connection.names.set(role, found);
  }
  return found;

  /** On a node's network there are pods too, told by their processes; in a pod several containers. */
  function inhabited(end: Endpoint): Endpoint {
    const is = end.kind === 'node' || end.kind === 'pod';
    const resident = is && process ? knowledge.resident(netns, process, firstAt) : undefined;
    return resident?.name === undefined ? end : { ...end, ...resident, kind: 'pod' };
  }
}
