/** Every cause of a loss, from the kept recordings: no root, no lab. */
import { readFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import type { Scenario } from '../../scripts/lab/scenarios/scenario.ts';
import { MODES } from '../../scripts/lab/topology.ts';
import type { Request } from '../../src/trace/request.ts';
import { CASES, check, UNDER_ALL } from '../live/causes.ts';

const replayed = (name: string): Request[] =>
  readFileSync(new URL(`${name}.jsonl`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Request);

/** The last that is the dial's: of the server that it was to meet, if it was to meet one. */
function requestOf(requests: readonly Request[], { dials: [dial] }: Scenario): Request | undefined {
  return requests.findLast(
    ({ hops, dialled, server }) =>
      hops[0]?.netns?.name === dial?.from &&
      dialled.ip === dial?.to.ip &&
      dialled.port === dial.to.port &&
      (dial.until === undefined || server?.name === dial.until),
  );
}

describe.each(MODES)('with kube-proxy in %s mode', (mode) => {
  it.each(CASES)('$title: $cause', (one) => {
    check(one, mode, requestOf(replayed(`causes-${mode}`), one.scenario));
  });

  it(`${UNDER_ALL.title}: ${UNDER_ALL.cause}`, () => {
    check(UNDER_ALL, mode, requestOf(replayed(`masquerade-all-${mode}`), UNDER_ALL.scenario));
  });
});
