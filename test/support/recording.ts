import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { RecordingHeader } from '../../src/events/recording.ts';

/** The first line of a recording that was made on this machine or brought to it. */
export function headerOf(path: string): RecordingHeader {
  const [first = ''] = gunzipSync(readFileSync(path)).toString().split('\n', 1);
  return JSON.parse(first) as RecordingHeader;
}
