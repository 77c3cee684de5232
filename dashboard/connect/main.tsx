import '@mantine/core/styles.css';
import '../dashboard.css';
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { styleNonce, theme, variables } from '../theme.ts';
import { ConnectPage } from './page.tsx';

const wanted = new URLSearchParams(location.search).get('theme');
const scheme = wanted === 'light' || wanted === 'dark' ? wanted : 'auto';
const queries = new QueryClient({ defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: false } } });
const root = document.getElementById('root');
if (root === null) throw new Error('The page has no root');
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={variables}
      defaultColorScheme={scheme}
      getStyleNonce={styleNonce}
    >
      <QueryClientProvider client={queries}>
        <ConnectPage />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
