import { expect, test } from '@jest/globals';
import { createOwnActions } from '../../runtime/own-actions.ts';

test('every watcher of a run hears how it left, and no other', async () => {
  const actions = createOwnActions();
  const [first, second, other] = [actions.watch('run'), actions.watch('run'), actions.watch('other')];
  actions.left('run', 'ended');
  expect(await Promise.all([first.left, second.left])).toEqual(['ended', 'ended']);
  actions.left('other', { output: '1' });
  expect(await other.left).toEqual({ output: '1' });
});

test('a closed watcher leaves the others of its run', async () => {
  const actions = createOwnActions();
  const [first, second] = [actions.watch('run'), actions.watch('run')];
  first.close();
  actions.left('run', 'ended');
  expect(await second.left).toBe('ended');
});
