import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { createRootRoute, createRoute, createRouter, Outlet, redirect } from '@tanstack/react-router';
import { Refusal } from './api.ts';
import { sessionQuery } from './environment.ts';
import { Failure } from './parts/answer.tsx';
import { ConnectionScreen } from './screens/connection.tsx';
import { ConnectionsScreen } from './screens/connections.tsx';
import { DeliveriesScreen } from './screens/deliveries.tsx';
import { HomeScreen } from './screens/home.tsx';
import { IntegrationScreen } from './screens/integration.tsx';
import { IntegrationsScreen } from './screens/integrations.tsx';
import { type LogFilter, LogsScreen, NARROWING } from './screens/logs.tsx';
import { OperationScreen } from './screens/operation.tsx';
import { RunScreen } from './screens/run.tsx';
import { RunsScreen } from './screens/runs.tsx';
import { SettingsScreen } from './screens/settings.tsx';
import { Shell } from './screens/shell.tsx';
import { SignInScreen } from './screens/sign-in.tsx';

const RETRIES = 2;

/** Refusals stay; a server that restarts is asked again. A session that has ended leads to the sign-in. */
export const queries = new QueryClient({
  queryCache: new QueryCache({ onError: leaveWhenSignedOut }),
  mutationCache: new MutationCache({ onError: leaveWhenSignedOut }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) =>
        failures < RETRIES && (!(error instanceof Refusal) || error.status === 0 || error.status >= 500),
    },
  },
});

const root = createRootRoute({ component: Outlet });

const start = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: async () => {
    const { environments } = await queries.ensureQueryData(sessionQuery);
    const [env] = environments;
    if (env === undefined) throw redirect({ to: '/sign-in' });
    throw redirect({ to: '/env/$env', params: { env } });
  },
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (given: Record<string, unknown>): { next?: string } =>
    typeof given['next'] === 'string' && given['next'].startsWith('/env/') ? { next: given['next'] } : {},
  component: SignInScreen,
});

const environment = createRoute({
  getParentRoute: () => root,
  path: '/env/$env',
  beforeLoad: async ({ params, location }) => {
    const { environments } = await queries.ensureQueryData(sessionQuery);
    if (!environments.includes(params.env)) throw redirect({ to: '/sign-in', search: { next: location.href } });
  },
  component: Shell,
  errorComponent: ({ error }) => <Failure of={error instanceof Error ? error : new Error(String(error))} />,
});

const texts = (given: Record<string, unknown>, names: readonly string[]) =>
  Object.fromEntries(names.flatMap((name) => (typeof given[name] === 'string' ? [[name, given[name]]] : [])));

const children = [
  createRoute({ getParentRoute: () => environment, path: '/', component: HomeScreen }),
  createRoute({
    getParentRoute: () => environment,
    path: '/connections',
    validateSearch: (given): { integration?: string; error?: string } => texts(given, ['integration', 'error']),
    component: ConnectionsScreen,
  }),
  createRoute({
    getParentRoute: () => environment,
    path: '/connections/$integration/$connection',
    component: ConnectionScreen,
  }),
  createRoute({
    getParentRoute: () => environment,
    path: '/runs',
    validateSearch: (given): { state?: string; integration?: string; connection?: string; name?: string } =>
      texts(given, ['state', 'integration', 'connection', 'name']),
    component: RunsScreen,
  }),
  createRoute({ getParentRoute: () => environment, path: '/runs/$run', component: RunScreen }),
  createRoute({
    getParentRoute: () => environment,
    path: '/logs',
    validateSearch: (given): LogFilter => texts(given, NARROWING),
    component: LogsScreen,
  }),
  createRoute({ getParentRoute: () => environment, path: '/logs/$operation', component: OperationScreen }),
  createRoute({ getParentRoute: () => environment, path: '/integrations', component: IntegrationsScreen }),
  createRoute({ getParentRoute: () => environment, path: '/integrations/$integration', component: IntegrationScreen }),
  createRoute({ getParentRoute: () => environment, path: '/webhooks', component: DeliveriesScreen }),
  createRoute({ getParentRoute: () => environment, path: '/settings', component: SettingsScreen }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren([start, signIn, environment.addChildren(children)]),
  scrollRestoration: true,
  defaultNotFoundComponent: () => <Failure of={new Error('There is no such page.')} />,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

function leaveWhenSignedOut(error: Error): void {
  if (!(error instanceof Refusal) || error.status !== 401 || location.pathname === '/sign-in') return;
  queries.removeQueries({ queryKey: sessionQuery.queryKey });
  void router.navigate({ to: '/sign-in', search: { next: location.pathname + location.search } });
}
