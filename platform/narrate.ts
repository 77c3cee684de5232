import type { Log } from '../runtime/log.ts';

/** Tells a person what happens: a line per run that starts, waits or ends, the scripts' own log lines, and faults. */
export function narrate(say: (line: string) => void): Log {
  return (event, fields) => {
    const line = lineOf(event, fields);
    if (line !== undefined) say(`${new Date().toISOString().slice(11, 19)} ${line}`);
  };
}

function lineOf(event: string, fields: Readonly<Record<string, unknown>>): string | undefined {
  const { run, name, attempt, state, error, level, message, until, reason } = fields;
  switch (event) {
    case 'run.started':
      return `run ${run}: ${name} started${Number(attempt) > 1 ? ` (attempt ${attempt})` : ''}`;
    case 'run.ended':
      return `run ${run}: ${name} ended: ${state}${error ? `: ${error}` : ''}`;
    case 'run.waiting':
      return `run ${run}: ${name} waits${until ? ` until ${until}` : ''}: ${reason}`;
    case 'run.process_died':
      return `run ${run}: the process of ${name} died, the run goes on in another: ${reason}`;
    case 'run.handed_over':
      return `run ${run}: ${name} is handed over: another worker goes on where it was`;
    case 'run.attempt_lost':
      return `run ${run}: attempt ${attempt} of ${name} stops: a newer one goes on`;
    case 'script.log':
      return `  ${name} ${level}: ${message}`;
    case 'store.migrated':
      return `the tables are up to date (${Array.isArray(fields['applied']) ? fields['applied'].length : 0} migrations applied)`;
    case 'api.request':
      return undefined;
    default:
      return `${event} ${JSON.stringify(fields)}`;
  }
}
