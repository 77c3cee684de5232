/** Telling an application what happened: ids and times only; the body stays in Postgres. */
import type { WaitMs } from './wait.ts';

export type DeliveryInput = { readonly deliveryId: string };

export type DeliveryStep =
  | { readonly status: 'delivered' | 'refused' | 'expired' | 'gone' }
  /** Not yet: try again at this time. */
  | { readonly status: 'again'; readonly at: string; readonly waitMs?: WaitMs };
