import { EngineError } from '../../contract/failures.ts';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export const define: CommandModule['define'] = (command, { out, commands }) => {
  command.argument('<shell>', SHELLS.join(', '));
  withExample(command, 'source <(nango completion bash)').action((shell: string) => {
    const names = commands.join(' ');
    switch (shell) {
      case 'bash':
        return out.line(`_nango() { [ "$COMP_CWORD" = 1 ] && COMPREPLY=($(compgen -W '${names}' -- "\${COMP_WORDS[1]}")) || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")); }
complete -o default -F _nango nango`);
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
