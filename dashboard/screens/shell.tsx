import {
  Anchor,
  AppShell,
  Burger,
  Button,
  Group,
  NativeSelect,
  NavLink,
  type NavLinkProps,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { createLink, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { type AnchorHTMLAttributes, forwardRef, useEffect } from 'react';
import { askAs } from '../api.ts';
import { useEnvironment, useSession } from '../environment.ts';
import { useLive } from '../live.ts';

const RoutedNavLink = createLink(
  forwardRef<HTMLAnchorElement, NavLinkProps & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof NavLinkProps>>(
    (props, ref) => <NavLink ref={ref} {...props} />,
  ),
);

const PAGES = [
  ['Home', '/env/$env'],
  ['Integrations', '/env/$env/integrations'],
  ['Connections', '/env/$env/connections'],
  ['Runs', '/env/$env/runs'],
  ['Logs', '/env/$env/logs'],
  ['Webhooks', '/env/$env/webhooks'],
  ['Settings', '/env/$env/settings'],
] as const;

/** The frame of every screen: where one is, in which environment, and whether what is shown is live. */
export function Shell() {
  const env = useEnvironment();
  const hears = useLive(env);
  const [isOpen, menu] = useDisclosure(false);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu of small screens closes when the page changes
  useEffect(menu.close, [path]);
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 200, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
      padding={{ base: 'sm', sm: 'lg' }}
    >
      <AppShell.Header px="md">
        <Group h="100%" justify="space-between" wrap="nowrap" gap="xs">
          <Group gap="xs" wrap="nowrap">
            <Burger
              opened={isOpen}
              onClick={menu.toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label="Menu"
              aria-expanded={isOpen}
            />
            <Text fw={700} visibleFrom="xs">
              nango-temporal
            </Text>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <span className="state" role="status">
              <span className="dot" data-tone={hears ? 'good' : 'wait'} aria-hidden />
              <Text size="sm" component="span">
                {hears ? 'Live' : 'Connecting'}
              </Text>
            </span>
            <EnvironmentSwitch />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Pages">
        <AppShell.Section grow>
          {PAGES.map(([label, to]) => (
            <RoutedNavLink
              key={to}
              to={to}
              params={{ env }}
              label={label}
              activeOptions={{ exact: to === '/env/$env', includeSearch: false }}
              color="gray"
              variant="light"
              c="var(--mantine-color-text)"
              preload="intent"
            />
          ))}
        </AppShell.Section>
        <AppShell.Section>
          <Leave />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}

function EnvironmentSwitch() {
  const env = useEnvironment();
  const session = useSession();
  const navigate = useNavigate();
  const environments = session?.environments ?? [env];
  if (environments.length < 2)
    return (
      <Text size="sm" fw={600}>
        {env}
      </Text>
    );
  return (
    <NativeSelect
      aria-label="Environment"
      size="xs"
      data={[...environments]}
      value={env}
      onChange={(event) => void navigate({ to: '/env/$env', params: { env: event.currentTarget.value } })}
    />
  );
}

function Leave() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const session = useSession();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const signOut = async () => {
    await askAs(undefined)('DELETE', '/dashboard/session');
    queries.clear();
    await navigate({ to: '/sign-in' });
  };
  return (
    <>
      {session?.temporal_ui && (
        <Anchor href={session.temporal_ui} target="_blank" rel="noreferrer" size="sm" px="sm" py={4} display="block">
          Temporal Web UI ↗
        </Anchor>
      )}
      <Group gap="xs" px="xs" pt="xs">
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => setColorScheme(scheme === 'dark' ? 'light' : 'dark')}
        >
          {scheme === 'dark' ? 'Light' : 'Dark'}
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => void signOut()}>
          Sign out
        </Button>
      </Group>
      <Text size="xs" c="dimmed" px="xs" pt="xs">
        {session?.version}
      </Text>
    </>
  );
}
