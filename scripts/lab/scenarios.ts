/** The scenarios of the lab, in the order of the table of systems. */
import { failureScenarios } from './scenarios/failures.ts';
import { hostPortScenarios } from './scenarios/hostports.ts';
import { loadBalancerScenarios } from './scenarios/loadbalancers.ts';
import { lookUpScenarios } from './scenarios/lookups.ts';
import { nodePortScenarios } from './scenarios/nodeports.ts';
import { plainScenarios } from './scenarios/plain.ts';
import { podScenarios } from './scenarios/pods.ts';
import { requestScenarios } from './scenarios/requests.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { serviceScenarios } from './scenarios/services.ts';
import { sidecarScenarios } from './scenarios/sidecars.ts';

export const scenarios: readonly Scenario[] = [
  ...podScenarios,
  ...serviceScenarios,
  ...plainScenarios,
  ...nodePortScenarios,
  ...loadBalancerScenarios,
  ...hostPortScenarios,
  ...failureScenarios,
].sort((a, b) => rank(a.row) - rank(b.row));

/** Those that speak of more than one connection: names looked up, requests, and the legs of proxies. */
export const requestsAndNames: readonly Scenario[] = [
  ...lookUpScenarios,
  ...requestScenarios,
  ...sidecarScenarios,
].sort((a, b) => rank(a.row) - rank(b.row));

export const allScenarios = [...scenarios, ...requestsAndNames];

/** Rows with a number first; sort() keeps the order within a row. */
function rank(row: string): number {
  const number = /^S(\d+)$/.exec(row)?.[1];
  return number === undefined ? Number.MAX_SAFE_INTEGER : Number(number);
}
