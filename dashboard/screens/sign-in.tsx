import { Button, Divider, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { askAs } from '../api.ts';
import { sessionQuery, useSession } from '../environment.ts';
import { Failure } from '../parts/answer.tsx';

/** With an environment's secret key, or for all of them with the operator's name and password. */
export function SignInScreen() {
  const session = useSession();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { next } = useSearch({ strict: false });
  const [key, setKey] = useState('');
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({
    mutationFn: (body: object) => askAs(undefined)('POST', '/dashboard/session', { body }),
    onSuccess: async () => {
      queries.clear();
      await queries.fetchQuery(sessionQuery);
      await navigate({ to: next ?? '/', replace: true });
    },
  });
  const submit = (body: object) => (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate(body);
  };
  return (
    <Stack component="main" maw={420} mx="auto" my={{ base: 'md', sm: 80 }} p="md">
      <Title order={1}>nango-temporal</Title>
      {signIn.error && <Failure of={signIn.error} />}
      <Paper withBorder p="lg" component="form" onSubmit={submit({ secret_key: key })}>
        <Stack>
          <PasswordInput
            label="Secret key"
            description="Of the environment you want to see. npm start keeps them in .local/.env."
            autoComplete="off"
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
            visibilityToggleButtonProps={{ 'aria-label': 'Show the key', tabIndex: 0, 'aria-hidden': false }}
          />
          <Button type="submit" loading={signIn.isPending} disabled={key.trim() === ''}>
            Sign in
          </Button>
        </Stack>
      </Paper>
      {session?.password_sign_in && (
        <>
          <Divider label={<Text size="sm">or for all environments</Text>} />
          <Paper withBorder p="lg" component="form" onSubmit={submit({ username, password })}>
            <Stack>
              <TextInput
                label="User name"
                autoComplete="username"
                value={username}
                onChange={(event) => setUsername(event.currentTarget.value)}
              />
              <PasswordInput
                label="Password"
                autoComplete="current-password"
                value={password}
                onChange={(event) => setPassword(event.currentTarget.value)}
                visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0, 'aria-hidden': false }}
              />
              <Button
                type="submit"
                variant="default"
                loading={signIn.isPending}
                disabled={username === '' || password === ''}
              >
                Sign in as operator
              </Button>
            </Stack>
          </Paper>
        </>
      )}
    </Stack>
  );
}
