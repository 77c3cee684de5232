import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type RefObject, useLayoutEffect, useState } from 'react';

/** Rows beside those in sight that are there already, so that Tab and a short scroll find them. */
const BESIDE = 12;

type Windowed = {
  readonly count: number;
  readonly keyOf: (index: number) => string;
  /** The height of a row that has not been measured yet. */
  readonly estimatePx: number;
};

/** Of a long list the part that is in sight, with the room that the rest takes; the page itself scrolls. */
export function useWindowed(list: RefObject<HTMLElement | null>, { count, keyOf, estimatePx }: Windowed) {
  const [top, setTop] = useState(0);
  // What stands above the list changes its height without telling.
  useLayoutEffect(() => {
    const at = list.current === null ? 0 : list.current.getBoundingClientRect().top + window.scrollY;
    if (Math.abs(at - top) > 1) setTop(at);
  });
  const virtualizer = useWindowVirtualizer({
    count,
    estimateSize: () => estimatePx,
    overscan: BESIDE,
    scrollMargin: top,
    getItemKey: keyOf,
    measureElement: heightOf,
  });
  const items = virtualizer.getVirtualItems();
  const [first, last] = [items[0], items.at(-1)];
  return {
    items,
    beforePx: first === undefined ? 0 : first.start - top,
    afterPx: last === undefined ? 0 : Math.max(0, virtualizer.getTotalSize() - (last.end - top)),
    measure: virtualizer.measureElement,
  };
}

/**
 * Fractions count: with whole pixels, a row that comes into the page moves the ones below it, the browser scrolls back by
 * that much, the row leaves again, and so on, which stops whatever scrolls to the end meanwhile.
 */
function heightOf(row: Element): number {
  return row.getBoundingClientRect().height;
}
