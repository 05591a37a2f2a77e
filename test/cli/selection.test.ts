import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Pipeline } from '../../src/cli/pipeline.ts';
import { Recorder } from '../../src/cli/recorder.ts';
import { Selection } from '../../src/cli/selection.ts';
import { ClusterKnowledge } from '../../src/cluster/knowledge.ts';
import { wallOffset } from '../../src/events/recording.ts';
import { jsonOutput } from '../../src/outputs/json.ts';
import { Engine } from '../../src/trace/engine.ts';
import { parseFilter } from '../../src/trace/filter/filter.ts';
import type { Request } from '../../src/trace/request.ts';
import { nathop } from '../support/cli.ts';
import { header, stream } from '../support/stream.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nathop-selection-'));
  file = join(folder, 'a.nathop');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** What `record FILE FILTER` does with a stream. @returns what it prints */
async function record(filterText: string): Promise<string> {
  const filter = parseFilter(filterText);
  const selection = new Selection(file, false, filter);
  const { format: _f, version: _v, probes: _p, names: _n, ...facts } = header();
  const recorder = new Recorder({
    path: selection.spool,
    force: false,
    facts,
    failed: (error) => fail(error),
  });
  const found: Request[] = [];
  const pipeline = new Pipeline({
    engine: new Engine(new ClusterKnowledge(), { maxConnections: 1e5, wallOffset: wallOffset(header()) }),
    filter,
    listeners: [(event) => recorder.take(event)],
    found: (request) => found.push(request),
  });
  for (const event of stream(200)) pipeline.take(event);
  found.push(...pipeline.open());
  recorder.close();
  for (const request of found) selection.want(request);
  await selection.finish();
  return found.map((request) => `${jsonOutput().render(request)}\n`).join('');
}

function fail(error: Error): never {
  throw error;
}

it.each(['port=10003,10010,10150', 'state=!closed', 'ip=10.0.1.2', 'port=9'])(
  'keeps what the requests of %s are made of, and no other traffic',
  async (filter) => {
    const printed = await record(filter);
    const args = filter.split(' ').flatMap((clause) => [`--${clause}`]);
    const same = await nathop(['replay', file, '-o', 'json', ...args]);
    expect(same.stdout).toBe(printed);
    // Here no other request shares a tuple with a wanted one.
    expect((await nathop(['replay', file, '-o', 'json'])).stdout).toBe(printed);
    expect(readdirSync(folder)).toEqual(['a.nathop']);
  },
);

it('refuses at the start to replace a file', () => {
  writeFileSync(file, 'mine');
  expect(() => new Selection(file, false, parseFilter('port=1'))).toThrow(/exists/);
  expect(existsSync(`${file}.partial`)).toBe(false);
});
