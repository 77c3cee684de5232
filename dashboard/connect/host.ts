/** The page that this one stands in as a frame, if it does: what it is told, and the session it brings. */
import { useEffect, useState } from 'react';

export type ConnectEvent =
  | { readonly type: 'ready' | 'close' }
  | {
      readonly type: 'connect';
      readonly payload: { readonly providerConfigKey: string; readonly connectionId: string };
    }
  | { readonly type: 'error'; readonly payload: { readonly errorType: string; readonly errorMessage: string } };

export const isFramed = window.parent !== window;

/** Says it to the page around this one, which may be of any product; nothing that is said is a secret. */
export function tellHost(event: ConnectEvent): void {
  if (isFramed) window.parent.postMessage(event, '*');
}

/** The session's token: from this page's address, or brought by the page around it once it hears that this one is ready. */
export function useSessionToken(): string | undefined {
  const [token, setToken] = useState(() => new URLSearchParams(location.search).get('session_token') ?? undefined);
  useEffect(() => {
    const onMessage = ({ source, data }: MessageEvent<unknown>) => {
      if (source !== window.parent || typeof data !== 'object' || data === null) return;
      const { type, sessionToken } = data as { type?: unknown; sessionToken?: unknown };
      if (type === 'session_token' && typeof sessionToken === 'string') setToken(sessionToken);
    };
    window.addEventListener('message', onMessage);
    tellHost({ type: 'ready' });
    return () => window.removeEventListener('message', onMessage);
  }, []);
  return token;
}
