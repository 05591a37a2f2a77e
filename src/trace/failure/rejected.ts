/** An error came back: by a rule's REJECT, or because the kernel knew no way on. */
import type { DropEvent, IcmpErrorEvent } from '../../events/event.ts';
import { splitEndpoint } from '../filter/way.ts';
import type { Failure } from '../request.ts';
import { refusal } from '../lifecycle.ts';
import { icmpWords } from './errors.ts';
import { lackOf } from './endpoints.ts';
import { evidenceOf, ruleEvidence } from './evidence.ts';
import { BY_RULE } from '../refusal-rule.ts';
import { policyOf } from './policy.ts';
import {
  atHop,
  capital,
  dialledBy,
  endpointsOf,
  failedHop,
  place,
  rulesThere,
  ruleWords,
  serviceOf,
  serviceOrAddress,
} from './scene.ts';
import type { Scene } from './scene.ts';
import { astray } from './service-address.ts';

export function rejected(scene: Scene): Failure {
  const error = refusal(scene.connection)?.event;
  const reason = error?.kind === 'icmp-error' ? icmpWords(error) : 'RST';
  const base = { ...atHop(scene), reason };
  const evidence = evidenceOf(scene);
  const hop = failedHop(scene);
  const dialled = dialledBy(scene);
  const mishap = scene.way.failed?.mishap?.event;
  if (mishap?.kind === 'icmp-error' && isNoWay(mishap)) return unroutable(scene, undefined, reason);
  if (mishap?.kind !== 'drop') {
    return {
      kind: 'refused',
      ...base,
      text: `${dialled} was refused: ${reason}.`,
      evidence,
      next: 'Look on the machine that sent the error: its rules, its routes, and whether the port is served.',
    };
  }
  if (mishap.reason !== BY_RULE) return unroutable(scene, mishap, reason);
  const by = ruleWords(hop);
  const rule = ruleEvidence(hop?.rule);
  const because = scene.way.failed?.rule.because;
  if (because === 'no-endpoints') {
    const lack = lackOf(scene);
    return {
      kind: 'rejected-no-endpoints',
      ...(lack.detail && { detail: lack.detail }),
      ...base,
      text: `Service ${serviceOrAddress(scene)} has no ready endpoint${lack.words}: ${by} rejects ${dialled}.`,
      evidence: [...evidence, ...rule, ...lack.evidence],
      next:
        lack.next ??
        `See ${endpointsOf(serviceOf(scene))}: a selector that matches no pod, or pods that are not ready or are ending.`,
    };
  }
  if (because === 'unknown-port') {
    return {
      kind: 'rejected-by-rule',
      detail: 'unknown-port',
      ...base,
      text: `${by} rejects ${dialled} (a port that the Service does not have).`,
      evidence: [...evidence, ...rule],
      next: 'Dial a port that the Service has (`kubectl get services -A -o wide` lists address and ports), or add this one to it.',
    };
  }
  const policy = policyOf(hop?.rule);
  return {
    kind: 'rejected-by-rule',
    ...(policy && { detail: 'network-policy' }),
    ...base,
    text: `${by} rejects ${dialled}${policy?.words ?? ''}.`,
    evidence: [...evidence, ...rule],
    next:
      policy?.next ?? `Read the rules of ${rulesThere(hop)}, and let this traffic pass if it is meant to.`,
  };
}

/** The kernel found nobody to send it to, or no way. */
function unroutable(scene: Scene, drop: DropEvent | undefined, said: string): Failure {
  const hop = failedHop(scene);
  const by = hop === undefined ? 'the kernel' : place(hop);
  const dialled = dialledBy(scene);
  const target = splitEndpoint(hop?.after?.dst ?? dialled).ip;
  const noNeighbour = drop?.reason.startsWith('NEIGH_') ?? false;
  const why = drop === undefined || drop.reason === 'NOT_SPECIFIED' ? undefined : drop.reason;
  const base = {
    kind: 'dropped-by-kernel',
    ...atHop(scene),
    reason: why === undefined ? said : `${why}, ${said}`,
    evidence: evidenceOf(scene),
  } as const;
  if (noNeighbour) {
    return {
      ...base,
      detail: 'neighbour-failed',
      text: `${capital(by)} asked for ${target} on its link and nobody answered: no machine or pod has that address now (${said}).`,
      next: `See whether ${target} exists and is up: \`kubectl get pods -A -o wide\`, and \`ip neigh show ${target}\` on ${by}.`,
    };
  }
  const lost = astray(scene);
  if (lost !== undefined) {
    return {
      ...base,
      detail: lost.detail,
      text: `${capital(by)} had no way to ${dialled} and said so (${said}): ${lost.words}, and it went the way of any other address.`,
      next: lost.next,
    };
  }
  return {
    ...base,
    detail: 'no-route',
    text: `${capital(by)} had no way to ${dialled} and said so (${said}).`,
    next: `Ask ${by} for its way: \`ip route get ${target}\`; an address that no Service has leaves by the default route.`,
  };
}

/** Net or host unreachable, not forbidden: what routing says (RFC 792; ICMPv6: no route, address unreachable). */
const isNoWay = ({ family, type, code }: IcmpErrorEvent): boolean =>
  family === 4 ? type === 3 && (code === 0 || code === 1) : type === 1 && (code === 0 || code === 3);
