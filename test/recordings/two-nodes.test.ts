/** A cluster over two machines, with a kernel and a clock each (test/vm/two-machines.ts): their recordings merged. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { checkAny } from '../live/scenario-checks.ts';
import { parseRequests } from '../live/trace-lab.ts';
import { nathop } from '../support/cli.ts';

const path = (name: string): string => fileURLToPath(new URL(`two-nodes${name}`, import.meta.url));
const told = readFileSync(path('.jsonl'), 'utf8');

it.each([
  ['in their order', ['-a', '-b']],
  ['in the other', ['-b', '-a']],
])('replay to the same, %s', async (_, parts) => {
  const { status, stdout } = await nathop([
    ...['replay', '-o', 'json', ...parts.map((part) => path(`${part}.nathop`))],
  ]);
  expect(status).toBe(0);
  const ways = (text: string): unknown[] =>
    parseRequests(text).map(({ client, hops, clientIp }) => [
      client,
      hops.map(({ kind, node }) => [kind, node]),
      clientIp,
    ]);
  expect(ways(stdout)).toEqual(ways(told));
  if (parts[0] === '-a') expect(stdout).toBe(told);
});

it('tell ways in which each hop goes on from the one before, there and back', () => {
  const requests = parseRequests(told);
  expect(requests.length).toBeGreaterThan(10);
  for (const request of requests) checkAny(request);
});

it('tell of the client that the node that took it in hides it from the other', () => {
  const hidden = parseRequests(told).filter(
    ({ server, hops }) =>
      server?.node === 'node-b' && hops.some(({ kind, node }) => kind === 'masquerade' && node === 'node-a'),
  );
  expect(hidden.length).toBeGreaterThan(0);
  for (const { clientIp } of hidden)
    expect(clientIp).toMatchObject({ verdict: 'lost', cause: 'masquerade-external-traffic-policy' });
});
