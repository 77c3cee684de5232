import { expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { schemaDocument, schemaOfScript } from '../../manifest/json-schema.ts';
import { parseManifest } from '../../manifest/parse.ts';

const models = (text: string) => parseManifest(`integrations: {}\nmodels:\n${text}`, 'nango.yaml').manifest.models;

test.each([
  ['string', { type: 'string' }],
  ['integer', { type: 'number' }],
  ['date', { type: 'string', format: 'date-time' }],
  ['any', {}],
  ['object', { type: 'object', additionalProperties: {} }],
  ['string[]', { type: 'array', items: { type: 'string' } }],
  ['string | null', { type: ['string', 'null'] }],
  ['string | undefined', { type: 'string' }],
  ["\"'open' | 'closed'\"", { type: 'string', enum: ['open', 'closed'] }],
  ['"1 | true"', { type: ['number', 'boolean'], enum: [1, true] }],
  ['B | null', { anyOf: [{ $ref: '#/definitions/B' }, { type: 'null' }] }],
  ['[B, string]', { type: 'array', items: { anyOf: [{ $ref: '#/definitions/B' }, { type: 'string' }] } }],
])('a field of type %s is the schema %j', (type, schema) => {
  const { definitions } = schemaDocument(models(`  A:\n    f: ${type}\n  B: { id: string }\n`));
  expect(definitions['A']?.['properties']).toEqual({ f: schema });
});

test('U077 U078: nested models to any depth, and optional fields in either spelling, hold for real records', () => {
  const document = schemaDocument(
    models(
      '  A:\n    id: string\n    b:\n      cs:\n        - { d: "number[]", e?: string }\n    f: string | undefined\n    __string: any\n',
    ),
  );
  const ajv = new Ajv();
  addFormats.default(ajv);
  const check = ajv.compile({ ...document, $ref: '#/definitions/A' });
  expect(check({ id: 'x', b: { cs: [{ d: [1] }] }, other: 7 })).toBe(true);
  expect(check({ id: 'x', b: { cs: [{ d: ['1'] }] } })).toBe(false);
  expect(check({ id: 'x' })).toBe(false);
});

test('a script gets the models it names and what they lead to, circles included', () => {
  const all = models('  A: { id: string, b: B }\n  B: { a: "A | null" }\n  C: { id: string }\n');
  const { definitions } = schemaOfScript(all, ['A'], [['Anonymous_x_input', { kind: 'primitive', name: 'string' }]]);
  expect(Object.keys(definitions)).toEqual(['A', 'B', 'Anonymous_x_input']);
});
