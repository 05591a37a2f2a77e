import { execaSync } from 'execa';
import { describe, expect, it } from 'vitest';
import { SHELLS } from '../../src/cli/completion.ts';
import { nathop } from '../support/cli.ts';

const script = async (shell: string): Promise<string> => (await nathop(['completion', shell])).stdout;

const installed = (shell: string): boolean => !execaSync(shell, ['-c', 'true'], { reject: false }).failed;

describe.each(SHELLS)('completion for %s', (shell) => {
  it('knows every verb and flag, and nothing else', async () => {
    const text = await script(shell);
    for (const word of ['trace', 'replay', 'from-ip', 'ready-file', 'output', 'masquerade', 'unanswered']) {
      expect(text).toContain(word);
    }
    expect(text).not.toContain('undefined');
  });

  if (installed(shell)) {
    it('is of the shell’s grammar', async () => {
      const input = await script(shell);
      const { exitCode, stderr } = execaSync(shell, ['-n'], { input, reject: false });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    });
  }
});

describe('bash', () => {
  const complete = async (...words: string[]): Promise<string[]> => {
    const ask = `
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
      _nathop; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = execaSync('bash', ['-c', `${await script('bash')}\n${ask}`]);
    return stdout.split('\n');
  };

  it('completes verbs, flags of the verb, and their values', async () => {
    expect(await complete('nathop', 'tr')).toEqual(['trace']);
    expect(await complete('nathop', 'trace', '--from')).toEqual(['--from-ip']);
    expect(await complete('nathop', 'doctor', '--from')).toEqual(['']);
    expect(await complete('nathop', 'trace', '--nat', '')).toEqual([
      'dnat',
      'snat',
      'masquerade',
      'redirect',
      'none',
    ]);
    expect(await complete('nathop', 'replay', '-o', 'j')).toEqual(['json']);
    expect(await complete('nathop', 'completion', 'f')).toEqual(['fish']);
  });
});
