import { EngineError } from '../../contract/failures.ts';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Bash takes a colon for the end of a word, so that 'generate:tests' comes as three. */
const BASH = `_nango() {
  local at=$COMP_CWORD cur="\${COMP_WORDS[COMP_CWORD]}" prefix=
  while [ "$at" -gt 1 ] && { [ "\${COMP_WORDS[at]}" = : ] || [ "\${COMP_WORDS[at-1]}" = : ]; }; do
    at=$((at - 1))
    cur="\${COMP_WORDS[at]}$cur"
  done
  if [ "$at" != 1 ]; then
    COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
    return
  fi
  [ "$COMP_CWORD" != 1 ] && prefix="\${cur%"\${cur##*:}"}"
  COMPREPLY=($(compgen -W '<names>' -- "$cur"))
  COMPREPLY=("\${COMPREPLY[@]#"$prefix"}")
}
complete -o default -F _nango nango`;

export const define: CommandModule['define'] = (command, { out, commands }) => {
  command.argument('<shell>', SHELLS.join(', '));
  withExample(command, 'source <(nango completion bash)').action((shell: string) => {
    const names = commands.join(' ');
    switch (shell) {
      case 'bash':
        return out.line(BASH.replace('<names>', names));
      case 'zsh':
        return out.line(`#compdef nango
_nango() { if (( CURRENT == 2 )); then compadd ${names.replaceAll(':', '\\:')}; else _files; fi }
compdef _nango nango`);
      case 'fish':
        return out.line(`complete -c nango -n __fish_use_subcommand -f -a '${names}'`);
      default:
        throw new EngineError('invalid_body', `Shell '${shell}': expected one of ${SHELLS.join(', ')}.`);
    }
  });
};
