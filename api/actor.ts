import type { Request } from 'express';
import type { Actor } from '../store/audit-log.ts';

const SHOWN = 8;

/** Who sent an authenticated request, as the audit log names callers: never the whole key. */
export function actorOf({ headers, ip }: Request): Actor {
  const key = /^Bearer +(\S+)$/i.exec(headers.authorization?.trim() ?? '')?.[1];
  return { keyPrefix: key?.slice(0, SHOWN) ?? null, address: ip ?? null };
}
