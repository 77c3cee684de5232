/** How results look: plain lines and aligned columns that grep and cut understand; colour only for a person's eyes. */
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Io } from './io.ts';
import { createProgress, type Progress } from './progress.ts';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

export type Output = {
  /** One line of the result, on stdout. */
  readonly line: (text?: string) => void;
  /** The result as a machine reads it. */
  readonly json: (value: unknown) => void;
  /** Rows under headings; nothing but `empty` when there are none. */
  readonly table: (headings: readonly string[], rows: readonly (readonly string[])[], empty: string) => void;
  /** What is not part of the result (logs, warnings), on stderr. */
  readonly note: (text: string) => void;
  readonly during: Progress['during'];
  readonly style: (style: Style, text: string) => string;
};

/** Writes to the streams of `io`. Colours are off unless stdout is a terminal, and where NO_COLOR is set; progress needs one at stderr. */
export function createOutput(io: Io): Output {
  const colours = io.isTty && !io.env['NO_COLOR'];
  const style = (name: Style, text: string) => (colours ? styleText(name, text, { validateStream: false }) : text);
  const isWatched = io.isErrorTty === true && !io.env['CI'] && io.env['TERM'] !== 'dumb';
  const progress = createProgress(isWatched ? io.stderr : undefined);
  const line = (text = '') => {
    progress.clear();
    io.stdout.write(`${text}\n`);
  };
  return {
    line,
    json: (value) => line(JSON.stringify(value, null, 2)),
    table: (headings, rows, empty) => {
      if (rows.length === 0) return line(empty);
      for (const text of alignColumns([headings.map((heading) => style('bold', heading)), ...rows])) line(text);
    },
    note: (text) => {
      progress.clear();
      io.stderr.write(`${text}\n`);
    },
    during: progress.during,
    style,
  };
}

/** Pads all cells but the last of each row to the width of their column. Widths are those of the visible text. */
function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell + ' '.repeat((widths[index] ?? 0) - widthOf(cell))))
      .join('  ')
      .trimEnd(),
  );
}

/** `1 sync`, `3 syncs`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

/** A value from elsewhere as one short line without control characters, so that it cannot steer the terminal. */
export function oneLine(text: string, maxLength = 200): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  const plain = stripVTControlCharacters(text).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
  return plain.length > maxLength ? `${plain.slice(0, maxLength - 1)}…` : plain;
}

function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
