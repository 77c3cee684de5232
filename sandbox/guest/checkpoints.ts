/** Checkpoints: where the script says it is, in a flat object of its own words. */
import { hostCall } from './calls.ts';
import { codedError } from './errors.ts';
import { utf8Length } from './text.ts';

const MAX_BYTES = 64 * 1024;

export const checkpoints = {
  getCheckpoint: async (): Promise<unknown> => (await hostCall('getCheckpoint', {})).value,
  saveCheckpoint: async (checkpoint: unknown): Promise<void> => {
    await hostCall('saveCheckpoint', { checkpoint: checked(checkpoint) });
  },
  clearCheckpoint: async (): Promise<void> => {
    await hostCall('saveCheckpoint', { checkpoint: null });
  },
};

function checked(checkpoint: unknown): object {
  if (typeof checkpoint !== 'object' || checkpoint === null || Array.isArray(checkpoint)) {
    throw invalid('an object is expected');
  }
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(checkpoint)) {
    if (value === undefined) continue;
    if (typeof value !== 'string' && typeof value !== 'boolean' && !Number.isFinite(value)) {
      throw invalid(
        `'${key}' is ${value === null ? 'null' : `a ${typeof value}`}: a text, a finite number or a boolean is expected`,
      );
    }
    kept[key] = value;
  }
  const bytes = utf8Length(JSON.stringify(kept));
  if (bytes > MAX_BYTES) throw invalid(`it has ${bytes} bytes as JSON: at most ${MAX_BYTES} are expected`);
  return kept;
}

function invalid(reason: string): Error {
  return codedError('checkpoint_invalid', `nango.saveCheckpoint: ${reason}. Keep the place, not the data.`);
}
