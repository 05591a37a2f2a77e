/** Shell completion, made from the command line's own description: it cannot fall behind. */
import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionFor(shell: Shell, program: Command): string {
  const verbs = program.commands.map((command) => verbOf(command, program));
  switch (shell) {
    case 'bash':
      return bash(verbs);
    case 'zsh':
      return zsh(verbs);
    case 'fish':
      return fish(verbs);
  }
}

interface Flag {
  readonly names: readonly string[];
  readonly help: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

interface Verb {
  readonly name: string;
  readonly help: string;
  readonly flags: readonly Flag[];
  /** Words that may stand as its argument; without any, files. */
  readonly words: readonly string[];
}

function verbOf(command: Command, program: Command): Verb {
  return {
    name: command.name(),
    help: command.description(),
    flags: [...command.options, ...program.options].map(flagOf),
    words: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
  };
}

const flagOf = (option: Option): Flag => ({
  names: [option.short, option.long].filter((name) => typeof name === 'string'),
  help: option.description,
  takesValue: option.required || option.optional,
  choices: option.argChoices ?? [],
});

function bash(verbs: readonly Verb[]): string {
  const cases = verbs.map((verb) => {
    const flags = verb.flags.flatMap((flag) => flag.names).join(' ');
    const values = verb.flags
      .filter((flag) => flag.takesValue)
      .map((flag) =>
        flag.choices.length > 0
          ? `        ${flag.names.join('|')}) words='${flag.choices.join(' ')}' ;;`
          : `        ${flag.names.join('|')}) return ;;`,
      );
    const files = verb.words.length > 0 ? verb.words.join(' ') : '';
    return `    ${verb.name})
      words='${flags}${files === '' ? '' : ` ${files}`}'
      case $before in
${values.join('\n')}
      esac ;;`;
  });
  return `# nathop completion for bash: source <(nathop completion bash)
_nathop() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} verb= words= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      ${verbs.map((verb) => verb.name).join('|')}) verb=$word; break ;;
    esac
  done
  case $verb in
    '') words='${verbs.map((verb) => verb.name).join(' ')}' ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _nathop nathop`;
}

function zsh(verbs: readonly Verb[]): string {
  const listed = verbs.map((verb) => `    ${quoted(`${verb.name}:${verb.help}`)}`);
  const cases = verbs.map((verb) => {
    const specs = verb.flags.flatMap((flag) =>
      flag.names.map((name) => `      ${quoted(zshSpec(name, flag))}`),
    );
    const rest = verb.words.length > 0 ? `*:word:(${verb.words.join(' ')})` : '*:file:_files';
    return `    ${verb.name}) _arguments \\\n${[...specs, `      ${quoted(rest)}`].join(' \\\n')} ;;`;
  });
  return `#compdef nathop
# nathop completion for zsh: nathop completion zsh > "\${fpath[1]}/_nathop"
_nathop() {
  local -a verbs=(
${listed.join('\n')}
  )
  if (( CURRENT == 2 )); then _describe verb verbs; return; fi
  local verb=\${words[2]}
  shift words; (( CURRENT-- ))
  case $verb in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _nathop ]]; then _nathop "$@"; else compdef _nathop nathop; fi`;
}

function zshSpec(name: string, { help, takesValue, choices }: Flag): string {
  const said = `${name}[${help.replace(/[[\]:\\]/g, '\\$&')}]`;
  if (!takesValue) return said;
  return `${said}:value:${choices.length > 0 ? `(${choices.join(' ')})` : ''}`;
}

function fish(verbs: readonly Verb[]): string {
  const lines = ['# nathop completion for fish: nathop completion fish | source'];
  for (const verb of verbs) {
    lines.push(`complete -c nathop -n __fish_use_subcommand -fa ${verb.name} -d ${quoted(verb.help)}`);
    const within = `complete -c nathop -n '__fish_seen_subcommand_from ${verb.name}'`;
    if (verb.words.length > 0) lines.push(`${within} -fa ${quoted(verb.words.join(' '))}`);
    for (const { names, help, takesValue, choices } of verb.flags) {
      const said = names.map((name) =>
        name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
      );
      const value = takesValue ? [choices.length > 0 ? `-xa ${quoted(choices.join(' '))}` : '-r'] : [];
      lines.push([within, ...said, ...value, `-d ${quoted(help)}`].join(' '));
    }
  }
  return lines.join('\n');
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
