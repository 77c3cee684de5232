import { Button, NativeSelect, NumberInput, Stack, Switch, Textarea, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { connectionHeaders, search } from '../api.ts';
import { useAsk, useRead } from '../environment.ts';
import { Failure } from '../parts/answer.tsx';
import type { JsonSchema, ListedConnection, Script } from '../shapes.ts';

/** Runs an action for a connection with what is typed into a form made of the schema of its input. */
export function ActionForm({ action, integration }: { readonly action: Script; readonly integration: string }) {
  const ask = useAsk();
  const query = search({ integrationId: integration, limit: 200 });
  const connections = useRead<{ connections: ListedConnection[] }>(`/connections${query}`);
  const ids = (connections.data?.connections ?? []).map(({ connection_id }) => connection_id);
  const [chosen, setChosen] = useState('');
  const [values, setValues] = useState<Readonly<Record<string, unknown>>>({});
  const [raw, setRaw] = useState('');
  const connection = chosen || (ids[0] ?? '');
  const fields = fieldsOf(action);
  const run = useMutation({
    mutationFn: (input: unknown) =>
      ask<unknown>('POST', '/action/trigger', {
        headers: connectionHeaders({ integration, connection }),
        body: { action_name: action.name, ...(input !== undefined && { input }) },
      }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fields !== undefined) return run.mutate(Object.keys(fields).length === 0 ? undefined : read(fields, values));
    run.mutate(raw.trim() === '' ? undefined : JSON.parse(raw));
  };
  return (
    <Stack component="form" onSubmit={submit} gap="sm" align="stretch">
      <NativeSelect
        label="Connection"
        data={ids}
        value={connection}
        onChange={(event) => setChosen(event.currentTarget.value)}
      />
      {fields === undefined ? (
        <Textarea
          label="Input (JSON)"
          autosize
          minRows={3}
          value={raw}
          error={isJson(raw) ? undefined : 'Expected JSON'}
          onChange={(event) => setRaw(event.currentTarget.value)}
        />
      ) : (
        Object.entries(fields).map(([name, field]) => (
          <Field
            key={name}
            name={name}
            field={field}
            value={values[name]}
            set={(value) => setValues({ ...values, [name]: value })}
          />
        ))
      )}
      <Button type="submit" loading={run.isPending} disabled={connection === '' || !isJson(raw)}>
        Run {action.name}
      </Button>
      {run.error && <Failure of={run.error} />}
      {run.isSuccess && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard
        <pre className="code" tabIndex={0} role="status" aria-label="Answer">
          {JSON.stringify(run.data, null, 2) ?? 'It answered nothing.'}
        </pre>
      )}
    </Stack>
  );
}

type FieldSpec = { readonly schema: JsonSchema; readonly type: string; readonly isRequired: boolean };

function Field({
  name,
  field,
  value,
  set,
}: {
  readonly name: string;
  readonly field: FieldSpec;
  readonly value: unknown;
  readonly set: (value: unknown) => void;
}) {
  const common = { label: name, required: field.isRequired, description: field.schema.description };
  if (field.type === 'boolean')
    return <Switch label={name} checked={value === true} onChange={(event) => set(event.currentTarget.checked)} />;
  if (field.type === 'number' || field.type === 'integer')
    return <NumberInput {...common} value={(value as number | undefined) ?? ''} onChange={set} />;
  if (field.schema.enum)
    return (
      <NativeSelect
        {...common}
        data={['', ...field.schema.enum.map(String)]}
        value={String(value ?? '')}
        onChange={(event) => set(event.currentTarget.value)}
      />
    );
  if (field.type === 'string')
    return <TextInput {...common} value={String(value ?? '')} onChange={(event) => set(event.currentTarget.value)} />;
  const text = String(value ?? '');
  return (
    <Textarea
      {...common}
      label={`${name} (JSON)`}
      autosize
      value={text}
      error={isJson(text) ? undefined : 'Expected JSON'}
      onChange={(event) => set(event.currentTarget.value)}
    />
  );
}

/** The fields of an object input; undefined where the input is none, or nothing is known of it. */
function fieldsOf({ input, json_schema: document }: Script): Readonly<Record<string, FieldSpec>> | undefined {
  if (input === null) return document === null ? undefined : {};
  const schema = document?.definitions?.[input];
  if (schema?.properties === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(schema.properties).map(([name, property]) => [
      name,
      { schema: property, type: typeOf(property), isRequired: schema.required?.includes(name) ?? false },
    ]),
  );
}

/** The one type besides null; anything else is typed as JSON. */
function typeOf(schema: JsonSchema): string {
  if (schema.enum?.every((value) => typeof value === 'string')) return 'string';
  const types = (typeof schema.type === 'string' ? [schema.type] : (schema.type ?? [])).filter((one) => one !== 'null');
  return types.length === 1 ? (types[0] ?? 'json') : 'json';
}

function read(fields: Readonly<Record<string, FieldSpec>>, values: Readonly<Record<string, unknown>>) {
  const given = Object.entries(fields).flatMap(([name, { type }]) => {
    const value = values[name];
    if (value === undefined || value === '') return type === 'boolean' ? [[name, false] as const] : [];
    const isText = ['string', 'number', 'integer', 'boolean'].includes(type);
    return [[name, isText ? value : JSON.parse(String(value))] as const];
  });
  return Object.fromEntries(given);
}

function isJson(text: string): boolean {
  if (text.trim() === '') return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
