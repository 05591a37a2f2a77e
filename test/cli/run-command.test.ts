import { describe, expect, it } from 'vitest';
import { runCommand } from '../../src/cli/run-command.ts';

describe('the command after --', () => {
  it.each([
    [['true'], undefined],
    [['sh', '-c', 'exit 7'], 'sh ended with status 7'],
    [['sh', '-c', 'kill -TERM $$'], 'sh was ended by SIGTERM'],
  ])('%j', async (words, failure) => {
    expect(await runCommand(words)).toBe(failure);
  });

  it('that is none is wrong usage', async () => {
    await expect(runCommand(['/nonexistent/curl'])).rejects.toMatchObject({ status: 2 });
  });
});
