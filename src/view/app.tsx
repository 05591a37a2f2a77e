/**
 * The React side: rows and keys. A row is laid out as its number, and the screen puts the text in: Ink 6
 * keeps every string it ever measured (vadimdemedes/ink#986), and takes apart each character of each frame,
 * which at 200x50 and ten frames a second is more than half a core.
 */
import { Box, Text, useInput } from 'ink';
import { memo, useSyncExternalStore } from 'react';
import type { FrameStore } from './frames.ts';
import { keysOf } from './keys.ts';

export function App({ frames, press }: { frames: FrameStore; press: (key: string) => void }) {
  const rows = useSyncExternalStore(frames.subscribe, frames.current);
  useInput((input, key) => {
    for (const name of keysOf(input, key)) press(name);
  });
  return (
    <Box flexDirection="column">
      {rows.map((_, index) => (
        <Row key={index} index={index} />
      ))}
    </Box>
  );
}

const Row = memo(function Row({ index }: { index: number }) {
  return <Text wrap="truncate">{index}</Text>;
});
