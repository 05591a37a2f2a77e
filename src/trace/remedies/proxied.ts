/** What would bring the client's address past a proxy, or make use of what it carries. */
import type { Carrier, Remedy, Request, Verdict } from '../request.ts';

export const CARRIER_NAMES: Readonly<Record<Carrier['kind'], string>> = {
  'x-forwarded-for': 'X-Forwarded-For',
  'x-real-ip': 'X-Real-IP',
  forwarded: 'Forwarded',
  'proxy-protocol': 'The PROXY header',
};

export interface Proxied {
  /** Each as a request of its own, the client's first. */
  readonly legs: readonly Request[];
  readonly verdict: Verdict;
  /** On the last leg, of those that its server can read. */
  readonly carriers: readonly Carrier[];
  /** False where the last server took the PROXY header for something else. */
  readonly understood: boolean;
  /** On the last leg. */
  readonly isHttp: boolean;
}

export function proxiedRemedies(proxied: Proxied): Remedy[] {
  const { legs, verdict, carriers, understood, isHttp } = proxied;
  const ends = endsOf(legs);
  if (!understood) return [bothOrNeither(ends)];
  const before = legs[0]?.clientIp;
  if (verdict === 'carried') return believe(carriers, ends);
  if (before?.verdict === 'lost') return [...before.remedies, notYet(carriers, ends, legs[0])];
  return carriers.length > 0 ? [overwrite(carriers, ends)] : [say(ends, isHttp)];
}

/** The last leg's two ends. */
interface Ends {
  readonly proxy: string;
  readonly proxyIp: string;
  readonly server: string;
  readonly port: number;
}

function endsOf(legs: readonly Request[]): Ends {
  const last = legs.at(-1);
  const before = legs.at(-2);
  const { client, server, sourceSeenByServer } = last ?? {};
  const proxy = before?.server?.name ?? client?.name ?? client?.ip ?? 'the proxy';
  return {
    proxy: proxy === server?.name ? 'its sidecar' : proxy,
    proxyIp: sourceSeenByServer?.ip ?? client?.ip ?? 'the proxy',
    server: server?.name ?? server?.ip ?? 'the server',
    port: server?.port ?? 0,
  };
}

function believe(carriers: readonly Carrier[], { proxy, proxyIp, server, port }: Ends): Remedy[] {
  const told = carriers.find(({ isClient }) => isClient);
  if (told === undefined) return [];
  const name = CARRIER_NAMES[told.kind];
  if (told.kind === 'proxy-protocol') {
    return [
      {
        kind: 'proxy-protocol',
        text: `${server} has the client in the PROXY header that ${proxy} sends: let it log and use that`,
        breaks: `Whoever else dials ${server} on port ${String(port)} must send such a header too, or is refused.`,
      },
    ];
  }
  return [
    {
      kind: 'forwarded-header',
      text: `Let ${server} take the client from ${name} where it comes from ${proxyIp} (${proxy})`,
      breaks: `Believed from others too, it is whatever a client writes into it: whoever reaches ${server} past ${proxy} could be anybody.`,
    },
  ];
}

/** Its value was wrong already when the proxy wrote it. */
function notYet(
  carriers: readonly Carrier[],
  { proxy, proxyIp, server }: Ends,
  first: Request | undefined,
): Remedy {
  const { lostAtHop } = first?.clientIp ?? {};
  const hop = lostAtHop === undefined ? undefined : first?.hops[lostAtHop];
  const at =
    lostAtHop === undefined
      ? ''
      : `, at hop ${String(lostAtHop)}${hop?.node === undefined ? '' : ` on ${hop.node}`}`;
  const [told] = carriers;
  const value = told?.values.at(-1) ?? first?.sourceSeenByServer?.ip;
  const name = told === undefined ? 'X-Forwarded-For' : CARRIER_NAMES[told.kind];
  return {
    kind: 'forwarded-header',
    text: `Only after that, let ${server} take the client from ${name} where it comes from ${proxyIp} (${proxy})`,
    breaks: `It is no help as it is: the client is lost before ${proxy}${at}, and ${value === undefined ? 'what the header names' : `${value}, which it would name,`} is not the client.`,
  };
}

/** The proxy passed on what the client had written. */
function overwrite(carriers: readonly Carrier[], { proxy, server }: Ends): Remedy {
  const names = carriers.map(({ kind }) => CARRIER_NAMES[kind]).join(' and ');
  return {
    kind: 'forwarded-header',
    text: `Let ${proxy} write ${names} itself, from the address that it sees, and believe what comes in only from addresses of proxies that are known`,
    breaks: `A proxy in front of ${proxy} that is not among those is then taken for the client by ${server}.`,
  };
}

/** Nothing on the last leg names anybody. */
function say({ proxy, server, port }: Ends, isHttp: boolean): Remedy {
  return isHttp
    ? {
        kind: 'forwarded-header',
        text: `Let ${proxy} set X-Forwarded-For, and ${server} believe it from ${proxy} alone`,
        breaks: `Believed from others too, it is whatever a client writes into it.`,
      }
    : {
        kind: 'proxy-protocol',
        text: `Let ${proxy} send the PROXY protocol to ${server}, and ${server} expect it on port ${String(port)}`,
        breaks: bothWords(server, port),
      };
}

const bothOrNeither = ({ proxy, server, port }: Ends): Remedy => ({
  kind: 'proxy-protocol',
  text: `Let ${server} expect the PROXY protocol that ${proxy} sends on port ${String(port)}, or ${proxy} send none`,
  breaks: bothWords(server, port),
});

const bothWords = (server: string, port: number): string =>
  `Both ends or neither: once ${server} expects it, it refuses on port ${String(port)} whoever sends none, health checks too.`;
