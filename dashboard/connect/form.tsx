import { Anchor, Button, NativeSelect, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Refusal } from '../api.ts';
import { Failure } from '../parts/answer.tsx';
import type { ProviderField } from '../shapes.ts';
import { tellHost } from './host.ts';
import { type Connected, credentialFields, type Offer, signIn, type Values } from './sign-in.ts';

/** What an integration asks a person for: the fields of its provider, each checked here and again by the server. */
export function OfferForm({
  token,
  offer,
  back,
  onConnected,
}: {
  readonly token: string;
  readonly offer: Offer;
  readonly back: (() => void) | undefined;
  readonly onConnected: (made: Connected) => void;
}) {
  const secrets = credentialFields(offer);
  const [config, setConfig] = useState<Values>(() => defaultsOf(offer.connection_config));
  const [credentials, setCredentials] = useState<Values>({});
  const connect = useMutation({
    mutationFn: () => signIn(token, offer, config, credentials),
    onSuccess: onConnected,
    onError: (error) => {
      const errorType = error instanceof Refusal ? error.code : 'unknown';
      tellHost({ type: 'error', payload: { errorType, errorMessage: error.message } });
    },
  });
  const faults = connect.error instanceof Refusal ? connect.error.faults : [];
  const faultOf = (name: string) => faults.find(({ path }) => path.at(-1) === name)?.message;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    connect.mutate();
  };
  const isAsking = Object.keys(secrets).length + Object.keys(offer.connection_config).length > 0;
  return (
    <Stack component="form" onSubmit={submit}>
      <Title order={1}>Connect {offer.display_name}</Title>
      {connect.error && <Failure of={connect.error} />}
      {inOrder(offer.connection_config).map(([name, field]) => (
        <Field
          key={name}
          name={name}
          field={field}
          fault={faultOf(name)}
          value={config[name] ?? ''}
          set={(value) => setConfig({ ...config, [name]: value })}
        />
      ))}
      {inOrder(secrets).map(([name, field]) => (
        <Field
          key={name}
          name={name}
          field={field}
          fault={faultOf(name)}
          value={credentials[name] ?? ''}
          set={(value) => setCredentials({ ...credentials, [name]: value })}
        />
      ))}
      {offer.in_popup && <Text size="sm">A window opens where you sign in and agree.</Text>}
      {isAsking && offer.docs !== null && /^https?:/.test(offer.docs) && (
        <Anchor href={offer.docs} target="_blank" rel="noreferrer" size="sm">
          Where to find these ↗
        </Anchor>
      )}
      <Button type="submit" size="md" loading={connect.isPending && !offer.in_popup}>
        {connect.isPending ? 'Open the window again' : 'Connect'}
      </Button>
      {back && (
        <Button variant="default" onClick={back}>
          Back
        </Button>
      )}
    </Stack>
  );
}

function Field({
  name,
  field,
  value,
  fault,
  set,
}: {
  readonly name: string;
  readonly field: ProviderField;
  readonly value: string;
  readonly fault: string | undefined;
  readonly set: (value: string) => void;
}) {
  const mistake = fault ?? patternFault(field, value);
  const about = [
    field.description,
    field.prefix && `begins with ${field.prefix}`,
    field.suffix && `ends with ${field.suffix}`,
  ];
  const common = {
    label: field.title ?? name,
    description: about.filter((one) => one).join(', '),
    placeholder: field.example ?? '',
    required: field.optional !== true,
    error: mistake,
    value,
    autoComplete: 'off',
  };
  if (field.enum)
    return (
      <NativeSelect
        {...common}
        data={[{ value: '', label: 'Choose' }, ...field.enum]}
        onChange={(event) => set(event.currentTarget.value)}
      />
    );
  if (!field.secret) return <TextInput {...common} onChange={(event) => set(event.currentTarget.value)} />;
  return (
    <PasswordInput
      {...common}
      onChange={(event) => set(event.currentTarget.value)}
      visibilityToggleButtonProps={{ 'aria-label': `Show ${common.label}`, tabIndex: 0, 'aria-hidden': false }}
    />
  );
}

function patternFault({ pattern, example }: ProviderField, value: string): string | undefined {
  if (pattern === undefined || value === '') return undefined;
  try {
    if (new RegExp(pattern).test(value)) return undefined;
  } catch {
    // A pattern that browsers do not understand: the server judges.
    return undefined;
  }
  return example === undefined ? 'This does not look right' : `Expected something like ${example}`;
}

function inOrder(fields: Readonly<Record<string, ProviderField>>) {
  return Object.entries(fields).sort(([, a], [, b]) => (a.order ?? 0) - (b.order ?? 0));
}

function defaultsOf(fields: Readonly<Record<string, ProviderField>>): Values {
  const known = Object.entries(fields).flatMap(([name, field]) =>
    field.default_value === undefined ? [] : [[name, field.default_value] as const],
  );
  return Object.fromEntries(known);
}
