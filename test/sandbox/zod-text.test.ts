import vm from 'node:vm';
import { beforeAll, expect, test } from '@jest/globals';
import * as published from 'zod';
import { buildGuestRuntime } from '../../sandbox/guest-runtime.ts';

let own: typeof published;

beforeAll(async () => {
  const { zod } = await buildGuestRuntime();
  const load = vm.runInThisContext(zod) as (own: typeof Function) => { v4: typeof published };
  own = load(Function).v4;
}, 60_000);

const NAMESPACES = ['core', 'locales', 'regexes', 'util', 'iso', 'coerce'] as const;

test('the sandbox has all that zod publishes, also in namespaces that are made when they are looked into', () => {
  expect(Object.keys(own).toSorted()).toEqual(Object.keys(published).toSorted());
  expect(Object.keys(own.z).toSorted()).toEqual(Object.keys(published.z).toSorted());
  for (const name of NAMESPACES) {
    const [ours, theirs] = [own.z[name] as object, published.z[name] as object];
    expect(Object.keys(ours).toSorted()).toEqual(Object.keys(theirs).toSorted());
    expect(Object.values(ours)).not.toContain(undefined);
  }
  expect(own.z.core.locales).toBe(own.z.locales);
});

test('what the schemas made of JSON Schema take is the same', () => {
  const json = { type: 'object', properties: { at: { type: 'string', format: 'date-time' } }, required: ['at'] };
  const schema = own.z.fromJSONSchema(json as never);
  expect(schema.safeParse({ at: '2026-01-01T00:00:00Z' }).success).toBe(true);
  expect(schema.safeParse({ at: 'never' }).success).toBe(false);
});

test('an object schema answers the same before and after it gets a parser of its own', () => {
  const of = ({ z }: typeof published) =>
    z.object({ id: z.string(), count: z.number().optional(), state: z.enum(['open', 'closed']).default('open') });
  const values = [{ id: '1' }, { id: 1 }, {}, { id: '1', count: undefined }, { count: 'x', id: 'a', more: true }, null];
  const said = (schema: ReturnType<typeof of>) =>
    values.map((value) => {
      const { data, error } = schema.safeParse(value);
      return JSON.stringify([data, Object.keys(data ?? {}), error?.issues]);
    });
  const [ours, expected] = [of(own), said(of(published))];
  for (let round = 0; round < 50; round += 1) expect(said(ours)).toEqual(expected);
});
