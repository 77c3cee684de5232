/** News for pages that wait for their popup, from whichever process it ended in to the one the page is connected to. */
import type { Queryable } from './db.ts';

export const POPUP_CHANNEL = 'nango_popups';

export type PopupMessage =
  | {
      readonly message_type: 'success';
      readonly provider_config_key: string;
      readonly connection_id: string;
      readonly is_pending: boolean;
    }
  | {
      readonly message_type: 'error';
      readonly provider_config_key: string;
      readonly connection_id: string;
      readonly error_type: string;
      readonly error_desc: string;
    };

export type PopupNews = { readonly client: string; readonly message: PopupMessage };

export async function tellPopups(db: Queryable, news: PopupNews): Promise<void> {
  await db.query(`select pg_notify($1::text, $2::text)`, [POPUP_CHANNEL, JSON.stringify(news)]);
}
