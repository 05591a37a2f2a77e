/** An error came back: by a rule's REJECT, or because the kernel knew no way on. */
import type { Failure } from '../request.ts';
import { refusal } from '../lifecycle.ts';
import { icmpWords } from './errors.ts';
import { evidenceOf } from './evidence.ts';
import { policyOf } from './policy.ts';
import {
  atHop,
  BY_RULE,
  capital,
  dialledBy,
  endpointsOf,
  failedHop,
  place,
  ruleWords,
  serviceOf,
  serviceOrAddress,
} from './scene.ts';
import type { Scene } from './scene.ts';

export function rejected(scene: Scene): Failure {
  const error = refusal(scene.connection)?.event;
  const reason = error?.kind === 'icmp-error' ? icmpWords(error) : 'RST';
  const base = { ...atHop(scene), reason };
  const evidence = evidenceOf(scene);
  const hop = failedHop(scene);
  const dialled = dialledBy(scene);
  const drop = scene.way.failed?.mishap?.event;
  if (drop?.kind !== 'drop') {
    return {
      kind: 'refused',
      ...base,
      text: `${dialled} was refused: ${reason}.`,
      evidence,
      next: 'Look on the machine that sent the error, which is not traced here: its rules, its routes, and whether the port is served.',
    };
  }
  if (drop.reason !== BY_RULE) return unroutable(scene, drop.reason, reason);
  const by = ruleWords(hop);
  const rule = hop?.rule === undefined ? [] : [`the rule: ${hop.rule.text}`];
  const because = scene.way.failed?.rule.because;
  if (because === 'no-endpoints') {
    return {
      kind: 'rejected-no-endpoints',
      ...base,
      text: `Service ${serviceOrAddress(scene)} has no ready endpoint: ${by} rejects ${dialled}.`,
      evidence: [...evidence, ...rule],
      next: `See ${endpointsOf(serviceOf(scene))}: a selector that matches no pod, or pods that are not ready or are ending.`,
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
      policy?.next ??
      `Read the rules of ${hop?.rule?.chain ?? 'the filter tables'} there, and let this traffic pass if it is meant to.`,
  };
}

function unroutable(scene: Scene, dropped: string, said: string): Failure {
  const hop = failedHop(scene);
  const by = hop === undefined ? 'the kernel' : place(hop);
  const dialled = dialledBy(scene);
  const target = hop?.after?.dst ?? dialled;
  return {
    kind: 'dropped-by-kernel',
    detail: 'no-route',
    ...atHop(scene),
    reason: `${dropped}, ${said}`,
    text: `${capital(by)} had no way to ${dialled} (${dropped}) and said so (${said}).`,
    evidence: evidenceOf(scene),
    next: `Ask ${by} for its way: \`ip route get\` with the address of ${target}; an address that no Service has leaves by the default route.`,
  };
}
