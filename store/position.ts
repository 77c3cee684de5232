/** A place in a list that is in the order of time, newest first: that of the row that was seen last. */
export type Position = { readonly at: Date; readonly id: string };
