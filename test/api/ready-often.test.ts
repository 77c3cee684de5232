import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { ALL_POLLED } from '../support/engine.ts';

const api = useApi({ readyForMs: 3_600_000 });

test('whoever asks, and however often, Temporal is asked once in a while', async () => {
  let asked = 0;
  api.engine.answer({
    taskQueues: async () => {
      asked += 1;
      return ALL_POLLED;
    },
  });
  const answers = await Promise.all(Array.from({ length: 20 }, () => api.call('GET', '/ready', { key: null })));
  answers.push(await api.call('GET', '/ready?parts=workers', { key: null }));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(asked).toBe(1);
  expect((await api.call('GET', '/ready?parts=store', { key: null })).body).toEqual({ result: 'ok', store: 'ok' });
});
