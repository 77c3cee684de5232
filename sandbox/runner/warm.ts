/** Isolates made before they are needed: context and prelude evaluated, no author code. Each serves one run. */
import ivm from 'isolated-vm';
import { type GuestTexts, rehearse } from './rehearsal.ts';

/** An isolate that is ready to take a script. */
export type Prepared = {
  readonly isolate: ivm.Isolate;
  readonly context: ivm.Context;
  readonly boot: ivm.Reference;
  readonly memoryMb: number;
  /** Evaluates to the function that makes zod; compiled with the prelude when recent scripts used zod. */
  readonly zod: ivm.Reference | undefined;
};

/** Called when V8 lost control of an isolate: the process must go. */
type OnCatastrophe = (isolate: ivm.Isolate, message: string) => void;

type Cache = { readonly core: ivm.ExternalCopy<ArrayBuffer>; readonly zod: ivm.ExternalCopy<ArrayBuffer> };

/** Keeps `keep` isolates of the shape last asked for. */
export function createWarmIsolates(texts: GuestTexts, keep: number, onCatastrophe: OnCatastrophe) {
  let rehearsal: Promise<Cache> | undefined;
  let ready: Prepared[] = [];
  let shape = { memoryMb: 256, zod: false };
  let refilling = false;

  const rehearsed = (): Promise<Cache> => {
    rehearsal ??= rehearse(texts).then(({ core, zod }) => ({
      core: new ivm.ExternalCopy(core),
      zod: new ivm.ExternalCopy(zod),
    }));
    return rehearsal;
  };

  const prepare = async (memoryMb: number, zod: boolean): Promise<Prepared> => {
    const isolate: ivm.Isolate = new ivm.Isolate({
      memoryLimit: memoryMb,
      inspector: true,
      onCatastrophicError: (message) => onCatastrophe(isolate, message),
    });
    const context = await isolate.createContext({ inspector: true });
    const boot = await evaluate({ isolate, context }, 'core', texts.core, (await rehearsed()).core);
    return { isolate, context, boot, memoryMb, zod: zod ? await loadZod({ isolate, context }) : undefined };
  };

  const loadZod = async (place: Place): Promise<ivm.Reference> =>
    evaluate(place, 'zod', texts.zod, (await rehearsed()).zod);

  const refill = async (): Promise<void> => {
    if (refilling) return;
    refilling = true;
    try {
      const { memoryMb, zod } = shape;
      while (ready.length < keep) ready.push(await prepare(memoryMb, zod));
    } finally {
      refilling = false;
    }
  };

  return {
    loadZod,
    refill,
    /** A prepared isolate, at once if one of that memory limit is ready. */
    take: async (memoryMb: number, zod: boolean): Promise<Prepared> => {
      if (memoryMb !== shape.memoryMb || zod !== shape.zod) {
        shape = { memoryMb, zod };
        for (const old of ready.filter((one) => one.memoryMb !== memoryMb)) old.isolate.dispose();
        ready = ready.filter((one) => one.memoryMb === memoryMb);
      }
      return ready.shift() ?? (await prepare(memoryMb, zod));
    },
    dispose: (): void => {
      for (const one of ready) one.isolate.dispose();
      ready = [];
    },
  };
}

export type WarmIsolates = ReturnType<typeof createWarmIsolates>;

type Place = Pick<Prepared, 'isolate' | 'context'>;

/** Runs one of our own texts by its compiled form; never used for author code. */
async function evaluate(
  { isolate, context }: Place,
  name: keyof GuestTexts,
  text: string,
  cachedData: ivm.ExternalCopy<ArrayBuffer>,
): Promise<ivm.Reference> {
  const script = await isolate.compileScript(text, { filename: `nango:${name}`, cachedData });
  const value = await script.run(context, { reference: true });
  script.release();
  return value;
}
