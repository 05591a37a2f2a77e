/** Everything known of a request on one line, hop by hop: nodes, hooks, rewrites, rules. */
import type { Colors } from 'picocolors/types.js';
import { exchangeWords, lookupBefore, lookupOf, lookupWords } from '../trace/exchange-words.ts';
import { hopsOfLeg, jointsOf, legsOf, proxyName } from '../trace/legs.ts';
import type { Joint } from '../trace/legs.ts';
import { outcomeWord, responsibleWords } from '../trace/remedies/words.ts';
import type { Carrier, Endpoint, Ends, Hop, Leg, Remedy, Request, Rule } from '../trace/request.ts';
import type { Output } from './output.ts';
import { paintState, paintUnmet, paintVerdict } from './paint.ts';
import {
  addressAndName,
  askedOf,
  lossOf,
  rewriteWord,
  shown,
  stateAndFailure,
  timeOf,
  tookOf,
} from './words.ts';

const RULE_LIMIT = 500;

export function wideOutput(colors: Colors): Output {
  return {
    header: () =>
      colors.dim(
        'TIME         ID PROTOCOL CLIENT → DIALLED | ASKED | HOPS | REPLY | SERVER | CLIENT IP | STATE',
      ),
    render: (request, unmet) =>
      [
        `${colors.dim(timeOf(request))} ${shown(request.id)} ${request.protocol} ` +
          `${endpointWords(request.client)} → ${colors.bold(endpointWords(request.dialled))}`,
        askedWords(request),
        lookupBeforeWords(request),
        ...wayWords(colors, request),
        ...request.replyHops.map((hop) => `reply ${hopWords(colors, hop)}`),
        serverWords(request),
        paintVerdict(colors, request, verdictWords(request)),
        ...request.clientIp.carriers.map(carrierWords),
        ...request.clientIp.remedies.map(remedyWords),
        paintState(colors, request, stateWords(request)),
        request.retransmits > 0 ? `${String(request.retransmits)} sent again` : undefined,
        request.inferred.length > 0
          ? `inferred: ${request.inferred.map((why) => shown(why)).join('; ')}`
          : undefined,
        lossOf(request),
        paintUnmet(colors, unmet),
      ]
        .filter((part) => part !== undefined)
        .join(' | '),
  };
}

function askedWords(request: Request): string | undefined {
  const { requestId, tls, sni, firstByteMs } = request.http ?? {};
  const { tried = [] } = lookupOf(request) ?? {};
  const facts = [
    askedOf(request),
    requestId === undefined ? undefined : `request id ${shown(requestId)}`,
    tls === true ? `TLS${sni === undefined ? '' : ` for ${shown(sni)}`}` : undefined,
    firstByteMs === undefined ? undefined : `first byte after ${firstByteMs.toFixed(3)} ms`,
    tried.length === 0
      ? undefined
      : `tried before: ${tried.map((one) => shown(lookupWords({ ...one, answers: [] }))).join('; ')}`,
  ].filter((fact) => fact !== undefined);
  return facts.length === 0 ? undefined : facts.join(', ');
}

function lookupBeforeWords(request: Request): string | undefined {
  const lookup = lookupBefore(request);
  return lookup && `looked up ${shown(lookupWords(lookup))}`;
}

/** The hops, and where a proxy ends one leg and begins the next: who it is, and why they are one request. */
function wayWords(colors: Colors, request: Request): string[] {
  const joints = jointsOf(request);
  const legs = legsOf(request);
  const hopsOn = (leg: number): string[] => hopsOfLeg(request, leg).map(({ hop }) => hopWords(colors, hop));
  return [
    ...hopsOn(0),
    ...joints.flatMap((joint) => {
      const leg = legs[joint.to];
      return [...(leg === undefined ? [] : [jointWords(colors, joint, leg)]), ...hopsOn(joint.to)];
    }),
  ];
}

function jointWords(colors: Colors, joint: Joint, leg: Leg): string {
  const { joinedBy } = joint;
  return [
    colors.bold(`proxy ${shown(proxyName(joint))}`),
    `dials ${endpointWords(leg.client)} → ${endpointWords(leg.dialled)}`,
    leg.http && shown(exchangeWords(leg.http)),
    joinedBy && `joined by ${joinedBy.evidence}: ${shown(joinedBy.text)}`,
  ]
    .filter((part) => part !== undefined)
    .join(' ');
}

function carrierWords({ kind, values, leg, isClient }: Carrier): string {
  return `${kind} ${shown(values.join(', '))} on leg ${String(leg)}, ${isClient ? 'the client' : 'not the client'}`;
}

function endpointWords(end: Endpoint): string {
  const kind =
    end.kind === 'unknown' ? '' : ` [${end.kind}${end.node === undefined ? '' : ` on ${shown(end.node)}`}]`;
  return addressAndName(end) + kind;
}

function hopWords(colors: Colors, hop: Hop): string {
  const place = [hop.node, hop.netns?.name ?? hop.netns?.inum.toString()].filter((p) => p !== undefined);
  return [
    place
      .map((p) => shown(p))
      .filter((p, i, all) => all.indexOf(p) === i)
      .join(' '),
    hop.hook === undefined || hop.hookObserved === true ? hop.hook : `~${hop.hook}`,
    rewriteWord(hop) === undefined ? kindWord(hop) : colors.cyan(rewriteWord(hop)),
    deviceWords(hop),
    endsWords(hop),
    hop.rule === undefined ? undefined : ruleWords(hop.rule),
    hop.markedBy === undefined ? undefined : `marked ${ruleWords(hop.markedBy)}`,
    hop.process === undefined ? undefined : `${shown(hop.process.comm)}[${String(hop.process.pid)}]`,
    hop.atMs === undefined ? undefined : `+${hop.atMs.toFixed(3)} ms`,
  ]
    .filter((part) => part !== undefined && part !== '')
    .join(' ');
}

const kindWord = (hop: Hop): string => (hop.observed ? hop.kind : `~${hop.kind}`);

function deviceWords(hop: Hop): string | undefined {
  const { in: from, out: to } = hop.device ?? {};
  if (from !== undefined && to !== undefined) return `${shown(from)}→${shown(to)}`;
  return to === undefined ? from && `in ${shown(from)}` : `out ${shown(to)}`;
}

/** Only what the rewrite changed, or the whole where nothing did. */
function endsWords({ before, after }: Hop): string | undefined {
  const whole = (ends: Ends): string => `${shown(ends.src)}>${shown(ends.dst)}`;
  if (before === undefined || after === undefined)
    return before === undefined ? after && whole(after) : whole(before);
  const changes = [
    before.src === after.src ? undefined : `src ${shown(before.src)}→${shown(after.src)}`,
    before.dst === after.dst ? undefined : `dst ${shown(before.dst)}→${shown(after.dst)}`,
  ].filter((change) => change !== undefined);
  return changes.length === 0 ? whole(before) : changes.join(' ');
}

function ruleWords(rule: Rule): string {
  const chains = [...rule.via, rule.chain].filter((chain, i, all) => chain !== all[i - 1]);
  const service = rule.service === undefined ? '' : ` for ${shown(rule.service)}`;
  return `by ${shown(rule.table)}/${chains.map((chain) => shown(chain)).join('>')}${service} {${shown(rule.text, RULE_LIMIT)}}`;
}

function serverWords(request: Request): string | undefined {
  if (request.server === undefined) return undefined;
  const seen = request.sourceSeenByServer;
  return `served by ${endpointWords(request.server)}${seen === undefined ? '' : `, saw ${endpointWords(seen)}`}`;
}

function verdictWords({ clientIp }: Request): string {
  const by = clientIp.responsible === undefined ? '' : `, ${shown(responsibleWords(clientIp.responsible))}`;
  const cause = clientIp.cause === undefined ? '' : ` (${clientIp.cause}${by})`;
  return `client IP ${clientIp.verdict}${cause}: ${shown(clientIp.text)}`;
}

/** What may be done, and what comes of it for this request; what it breaks `explain` tells. */
function remedyWords({ kind, text, whatIf }: Remedy): string {
  const then = whatIf === undefined ? '' : ` (computed: ${outcomeWord(whatIf)})`;
  return `remedy ${kind}${then}: ${shown(text)}`;
}

function stateWords(request: Request): string {
  const took = tookOf(request);
  const why = request.failure === undefined ? '' : `: ${shown(request.failure.text)}`;
  return `${stateAndFailure(request)}${why}${took === undefined ? '' : ` after ${took}`}`;
}
