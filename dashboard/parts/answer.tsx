import { Alert, Skeleton, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Refusal } from '../api.ts';
import { Copy } from './copy.tsx';

type Reading<T> = { readonly data: T | undefined; readonly error: Error | null; readonly isPending: boolean };

/** What a reading gives: its value, a quiet shape until it is there, or the server's own words. */
export function Answer<T>({ of, children }: { readonly of: Reading<T>; readonly children: (value: T) => ReactNode }) {
  if (of.data !== undefined)
    return (
      <>
        {of.error && <Failure of={of.error} />}
        {children(of.data)}
      </>
    );
  if (of.error) return <Failure of={of.error} />;
  return (
    <Stack gap="xs" aria-busy="true" aria-label="Loading">
      {[0, 1, 2].map((line) => (
        <Skeleton key={line} height={28} />
      ))}
    </Stack>
  );
}

export function Failure({ of }: { readonly of: Error }) {
  const faults = of instanceof Refusal ? of.faults : [];
  return (
    <Alert color="red" variant="outline" title="This did not work" role="alert" mb="md">
      <Text size="sm" className="odd-name">
        {of.message}
      </Text>
      {faults.map((fault) => (
        <Text key={`${fault.path.join('.')} ${fault.message}`} size="sm" className="odd-name">
          {fault.path.join('.')}: {fault.message}
        </Text>
      ))}
    </Alert>
  );
}

/** A screen with nothing on it says what to do next, with the command for it. */
export function Empty({
  title,
  children,
  command,
}: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly command?: string;
}) {
  return (
    <Stack
      gap="xs"
      p="xl"
      align="flex-start"
      style={{ border: '1px dashed var(--mantine-color-default-border)', borderRadius: 8 }}
    >
      <Text fw={600}>{title}</Text>
      {children && (
        <Text size="sm" c="dimmed" component="div">
          {children}
        </Text>
      )}
      {command && <Copy text={command} />}
    </Stack>
  );
}
