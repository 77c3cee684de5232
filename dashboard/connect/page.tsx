import { Alert, Button, CloseButton, Group, Paper, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { askWith } from '../api.ts';
import { Answer } from '../parts/answer.tsx';
import { OfferForm } from './form.tsx';
import { isFramed, tellHost, useSessionToken } from './host.ts';
import type { Connected, Offer } from './sign-in.ts';

const SEARCHED_FROM = 8;

/** Where a customer's user connects an account: which one, what it asks for, and how it went. */
export function ConnectPage() {
  const token = useSessionToken();
  return (
    <Stack component="main" maw={460} mx="auto" p="md" my={{ base: 0, xs: 'xl' }}>
      <Paper withBorder p="lg">
        {isFramed && (
          <Group justify="flex-end">
            <CloseButton aria-label="Close" onClick={() => tellHost({ type: 'close' })} />
          </Group>
        )}
        {token === undefined ? <NoSession /> : <Offers token={token} />}
      </Paper>
    </Stack>
  );
}

function NoSession() {
  return (
    <Stack>
      <Title order={1}>Connect</Title>
      <Text>This page needs a link from the product that sent you here: go back to it and try again.</Text>
    </Stack>
  );
}

function Offers({ token }: { readonly token: string }) {
  const offers = useQuery({
    queryKey: ['offers', token],
    queryFn: () => askWith({ authorization: `Bearer ${token}` })<{ data: Offer[] }>('GET', '/connect/integrations'),
  });
  const [chosen, setChosen] = useState<string>();
  const [connected, setConnected] = useState<string>();
  const onConnected = (name: string) => (made: Connected) => {
    setConnected(name);
    tellHost({ type: 'connect', payload: made });
  };
  if (connected) return <Done name={connected} />;
  return (
    <Answer of={offers}>
      {({ data }) => {
        const offer = data.find(({ unique_key }) => unique_key === chosen) ?? (data.length === 1 ? data[0] : undefined);
        if (offer === undefined) return <Choice of={data} choose={setChosen} />;
        const back = data.length > 1 ? () => setChosen(undefined) : undefined;
        return <OfferForm token={token} offer={offer} back={back} onConnected={onConnected(offer.display_name)} />;
      }}
    </Answer>
  );
}

function Choice({ of, choose }: { readonly of: readonly Offer[]; readonly choose: (key: string) => void }) {
  const [typed, setTyped] = useState('');
  const shown = of.filter(({ display_name: name }) => name.toLowerCase().includes(typed.trim().toLowerCase()));
  return (
    <Stack>
      <Title order={1}>What do you want to connect?</Title>
      {of.length === 0 && <Alert color="gray">Nothing can be connected here yet.</Alert>}
      {of.length >= SEARCHED_FROM && (
        <TextInput label="Search" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
      )}
      {shown.map(({ unique_key: key, display_name: name }) => (
        <Button key={key} variant="default" size="md" justify="flex-start" onClick={() => choose(key)}>
          {name}
        </Button>
      ))}
    </Stack>
  );
}

function Done({ name }: { readonly name: string }) {
  return (
    <Stack role="status">
      <Title order={1}>Connected</Title>
      <Text className="odd-name">
        {name} is connected. {isFramed ? '' : 'You can close this page.'}
      </Text>
      {isFramed && <Button onClick={() => tellHost({ type: 'close' })}>Finish</Button>}
    </Stack>
  );
}
