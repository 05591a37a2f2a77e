import type { RulesEvent } from '../../events/event.ts';
import type { Passing, Refusal, RefusalRule, Rewrite, RewriteRule } from '../../trace/knowledge.ts';
import { BaseChains } from './base-chains.ts';
import { isFromPod, questionIn } from './detect-local.ts';
import { explainRefusal, explainRewrite, explainUnmarked } from './explain.ts';
import { IpSets } from './ipset.ts';
import { parseIptables } from './iptables.ts';
import { parseIpvs } from './ipvs.ts';
import type { Match, RuleSet } from './model.ts';
import { parseNft } from './nft.ts';
import { packetOf, type IsLocal } from './packet.ts';
import { servicesIn, type RuleService } from './service-facts.ts';
import type { NodePort } from './service.ts';
import { nodePortsIn, serviceIn, type ServicePort } from './service-ports.ts';
import { asksForSourcePort } from './source-port.ts';

type Syntax = RulesEvent['syntax'];
type Texts = Readonly<Partial<Record<Syntax, string>>>;
type RuleSets = Readonly<Partial<Record<Exclude<Syntax, 'ipset'>, RuleSet>>>;

/** All rules of one network namespace, as they stood at one time. */
export class NamespaceRules {
  /** As they were read: rules are read anew when a set that they ask changes. */
  readonly #texts: Texts;
  readonly #sets: RuleSets;
  readonly #ipSets: IpSets;
  readonly #ip: BaseChains;
  readonly #ip6: BaseChains;
  readonly #podQuestions = new Map<BaseChains, Match | undefined>();
  #services: ReadonlyMap<string, RuleService> | undefined;

  private constructor(texts: Texts, sets: RuleSets, ipSets: IpSets) {
    this.#texts = texts;
    this.#sets = sets;
    this.#ipSets = ipSets;
    this.#ip = new BaseChains('ip', sets.iptables, sets.nft, sets.ipvs);
    this.#ip6 = new BaseChains('ip6', sets.ip6tables, sets.nft, sets.ipvs);
  }

  static readonly none = new NamespaceRules({}, {}, IpSets.none);

  /** With the rules of one syntax replaced. */
  with(syntax: Syntax, text: string): NamespaceRules {
    const texts = { ...this.#texts, [syntax]: text };
    const ipSets = syntax === 'ipset' ? new IpSets(text) : this.#ipSets;
    const sets =
      syntax === 'ipset'
        ? { ...this.#sets, ...readAgain(texts, ipSets) }
        : { ...this.#sets, [syntax]: parse(syntax, text, ipSets) };
    return new NamespaceRules(texts, sets, ipSets);
  }

  rewriteRule(rewrite: Rewrite, isLocal: IsLocal): RewriteRule {
    return explainRewrite(this.#for(rewrite.original.src), rewrite, isLocal);
  }

  refusalRule(refusal: Refusal, isLocal: IsLocal): RefusalRule {
    return explainRefusal(this.#for(refusal.original.src), refusal, isLocal);
  }

  sourceRule(passing: Passing, isLocal: IsLocal): RewriteRule {
    return explainUnmarked(this.#for(passing.tuple.src), passing, isLocal);
  }

  isFromPod({ tuple, inDevice }: Passing, isLocal: IsLocal): boolean | undefined {
    const chains = this.#for(tuple.src);
    if (!this.#podQuestions.has(chains)) this.#podQuestions.set(chains, questionIn(chains.tables));
    const way = { sentHere: false, ...(inDevice !== undefined && { inDevice }) };
    return isFromPod(this.#podQuestions.get(chains), packetOf(tuple, way, isLocal, false));
  }

  /** The Service port that this address stands for when dialled in this namespace. */
  serviceAt(
    ip: string,
    port: number,
    protocol: NodePort['protocol'],
    isLocal: IsLocal,
  ): ServicePort | undefined {
    return serviceIn(this.#for(ip).tables, this.#ipSets, { ip, port, protocol, isLocal: isLocal(ip) });
  }

  asksForSourcePort(): boolean {
    return asksForSourcePort(Object.values(this.#sets));
  }

  /** By `namespace/name`; read when first asked for. */
  services(): ReadonlyMap<string, RuleService> {
    return (this.#services ??= servicesIn([...this.#ip.tables, ...this.#ip6.tables]));
  }

  nodePorts(): NodePort[] {
    return nodePortsIn([...this.#ip.tables, ...this.#ip6.tables]);
  }

  #for(ip: string): BaseChains {
    return ip.includes(':') ? this.#ip6 : this.#ip;
  }
}

function parse(syntax: Exclude<Syntax, 'ipset'>, text: string, sets: IpSets): RuleSet {
  if (syntax === 'nft') return parseNft(text);
  if (syntax === 'ipvs') return parseIpvs(text);
  return parseIptables(text, syntax === 'iptables' ? 'ip' : 'ip6', sets);
}

/** What asks sets. */
const readAgain = ({ iptables, ip6tables }: Texts, sets: IpSets): RuleSets => ({
  ...(iptables !== undefined && { iptables: parse('iptables', iptables, sets) }),
  ...(ip6tables !== undefined && { ip6tables: parse('ip6tables', ip6tables, sets) }),
});
