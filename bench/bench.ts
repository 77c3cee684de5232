import type { Closing } from '../runtime/closing.ts';

export type BenchOptions = {
  readonly records: number;
  readonly seconds: number;
  readonly idle: number;
  readonly expiries: number;
  /** One refresh in so many kills a process; 0 for none. */
  readonly killEvery: number;
  readonly preload: number;
  readonly thorough: boolean;
  readonly syncs: number;
  readonly actions: number;
  readonly runs: number;
  readonly minutes: number;
  readonly connections: number;
  /** Seconds between two runs of a sync. */
  readonly every: number;
  readonly seeds: number;
  readonly first: number;
  /** A commit. */
  readonly from: string;
  readonly profile: string | undefined;
  readonly say: (line: string) => void;
};
export type Figures = Readonly<Record<string, number>>;
export type Result = {
  readonly bench: string;
  readonly command: string;
  /** The lines that every bench prints first. */
  readonly surroundings: string;
  readonly figures: Figures;
};

/** One benchmark: it opens what it needs, leaves the closing to `closing`, and answers named figures. */
export type Bench = (closing: Closing, options: BenchOptions) => Promise<Figures>;
