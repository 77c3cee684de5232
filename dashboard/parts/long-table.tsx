import { Button, Group, Table, Text } from '@mantine/core';
import { flexRender, getCoreRowModel, useReactTable } from '@tanstack/react-table';
import { type ReactNode, useEffect, useRef } from 'react';
import type { More } from '../pages.ts';
import type { Columns } from './table.tsx';
import { useWindowed } from './windowed.ts';

const ROW_PX = 52;
/** So many rows before the end of what is there, more is asked for. */
const AHEAD = 20;

type LongTableOptions<Row> = {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: Columns<Row>;
  readonly keyOf: (row: Row) => string;
  readonly more: More;
};

/**
 * A list of any length in the server's order: only the rows in sight are in the page, and further ones are read when
 * somebody comes near the end of those that are there.
 */
export function LongTable<Row>({ label, rows, columns, keyOf, more }: LongTableOptions<Row>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const table = useReactTable({
    data: rows as Row[],
    columns: columns as Parameters<typeof useReactTable<Row>>[0]['columns'],
    getCoreRowModel: getCoreRowModel(),
    getRowId: keyOf,
  });
  const all = table.getRowModel().rows;
  const shown = useWindowed(body, { count: all.length, keyOf: (at) => all[at]?.id ?? '', estimatePx: ROW_PX });
  useMoreNearEnd(more, shown.items.at(-1)?.index ?? -1, all.length);
  const columnCount = table.getVisibleLeafColumns().length;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard */}
      <section className="wide" aria-label={label} tabIndex={0}>
        <Table highlightOnHover verticalSpacing="xs" aria-rowcount={more.has ? -1 : all.length + 1}>
          <Table.Thead>
            {table.getHeaderGroups().map((group) => (
              <Table.Tr key={group.id} aria-rowindex={1}>
                {group.headers.map(({ column, getContext, id }) => (
                  <Table.Th key={id} scope="col">
                    {flexRender(column.columnDef.header, getContext())}
                  </Table.Th>
                ))}
              </Table.Tr>
            ))}
          </Table.Thead>
          <Table.Tbody ref={body}>
            <Room px={shown.beforePx} columns={columnCount} />
            {shown.items.map(({ index }) => {
              const row = all[index];
              if (row === undefined) return null;
              return (
                <Table.Tr key={row.id} ref={shown.measure} data-index={index} aria-rowindex={index + 2}>
                  {row.getVisibleCells().map((cell) => (
                    <Table.Td key={cell.id}>{flexRender(cell.column.columnDef.cell, cell.getContext())}</Table.Td>
                  ))}
                </Table.Tr>
              );
            })}
            <Room px={shown.afterPx} columns={columnCount} />
          </Table.Tbody>
        </Table>
      </section>
      <Foot count={all.length} more={more} />
    </>
  );
}

function useMoreNearEnd(more: More, lastShown: number, count: number): void {
  const isNear = lastShown >= count - AHEAD;
  const { has, isReading, isThin, read } = more;
  useEffect(() => {
    if (isNear && has && !isReading && !isThin) read();
  }, [isNear, has, isReading, isThin, read]);
}

/** The rows that are not in the page. */
function Room({ px, columns }: { readonly px: number; readonly columns: number }) {
  if (px <= 0) return null;
  return (
    <Table.Tr aria-hidden>
      <Table.Td colSpan={columns} style={{ height: px, padding: 0 }} />
    </Table.Tr>
  );
}

function Foot({ count, more }: { readonly count: number; readonly more: More }) {
  return (
    <Group gap="sm">
      <Text size="sm" c="dimmed">
        {says(count, more)}
      </Text>
      <MoreButton of={more}>{more.isThin ? 'Look further back' : 'Show more'}</MoreButton>
      {more.isLong && (
        <Button variant="default" size="xs" onClick={more.restart}>
          Back to the start, live again
        </Button>
      )}
    </Group>
  );
}

/** For whoever does not scroll, and where reading on by itself would ask too much of the server. */
export function MoreButton({ of, children }: { readonly of: More; readonly children: ReactNode }) {
  if (!of.has) return null;
  return (
    <Button variant="default" size="xs" loading={of.isReading} onClick={of.read}>
      {children}
    </Button>
  );
}

function says(count: number, { has, isThin }: More): string {
  const number = count.toLocaleString('en');
  if (!has) return `All ${number}.`;
  return isThin ? `${number} so far.` : `${number} so far; more come as you scroll.`;
}
