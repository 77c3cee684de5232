import { type CSSVariablesResolver, createTheme } from '@mantine/core';

/** Shade 8 carries white text, shade 4 stands on dark: both at 4.5 : 1 or better. */
export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 8, dark: 8 },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace',
  defaultRadius: 'md',
  headings: { fontWeight: '600', sizes: { h1: { fontSize: '1.5rem' }, h2: { fontSize: '1.125rem' } } },
  cursorType: 'pointer',
  components: {
    Anchor: { defaultProps: { underline: 'always' } },
  },
});

/** The library's quiet texts and links are too pale to read for some; these are not. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#51585f',
    '--mantine-color-placeholder': '#666d74',
    '--mantine-color-anchor': '#3347b0',
    '--mantine-color-error': '#b8202a',
    '--state-good': '#1a7f37',
    '--state-bad': '#c62828',
    '--state-busy': '#2f5fd0',
    '--state-wait': '#a15c00',
    '--state-calm': '#6b7280',
    '--surface': '#f7f8fa',
  },
  dark: {
    '--mantine-color-dimmed': '#a9b0b8',
    '--mantine-color-placeholder': '#989fa6',
    '--mantine-color-anchor': '#a5b4fc',
    '--mantine-color-error': '#ff9b9b',
    '--state-good': '#4ade80',
    '--state-bad': '#ff8a8a',
    '--state-busy': '#8fb4ff',
    '--state-wait': '#ffc069',
    '--state-calm': '#9ca3af',
    '--surface': '#1f2124',
  },
});

/** The nonce of this very answer: styles without it are not applied. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
}
